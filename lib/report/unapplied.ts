import { formatEndpoint } from "../model/address.ts";
import { type Backend, backendKey, type Service } from "../model/service.ts";
import type { Config } from "../model/settings.ts";

/** Differences that are named in one sentence. */
const NAMED_MAX = 6;

/** By what a config differs from an earlier one, in a few words each; comments and layout do not count. Pure. */
export function configChanges(before: Config, after: Config): string[] {
  const { services: old, ...oldSettings } = before;
  const { services: fresh, ...freshSettings } = after;
  return [
    ...changedKeys(oldSettings, freshSettings).map((key) => SETTINGS[key] ?? key),
    ...compared(old, fresh, ({ name }) => name, serviceChanges)
      .map(({ key, how }) => `service ${key} (${how})`),
  ];
}

/** What a command that applies the whole file says of edits that are not its own. Pure. */
export function unappliedNote(file: string, changes: readonly string[]): string[] {
  if (changes.length === 0) return [];
  const others = changes.length - NAMED_MAX;
  const more = others > 0 ? [`${others} more`] : [];
  const named = [...changes.slice(0, NAMED_MAX), ...more].join(", ");
  return [`${file} also has changes that were not applied yet: ${named}; they come with it`];
}

/** Where they stand in the file, where the model calls them otherwise. */
const SETTINGS: Readonly<Record<string, string>> = { marks: "mark_mask", nodes: "tier.nodes" };

function serviceChanges(before: Service, after: Service): string {
  const { backends: old, ...oldRest } = before;
  const { backends: fresh, ...freshRest } = after;
  const backends = compared(old, fresh, backendKey, (a, b) => changedKeys(a, b).join(", "));
  const byKey = new Map([...old, ...fresh].map((backend) => [backendKey(backend), backend]));
  return [
    ...changedKeys(oldRest, freshRest),
    ...backends.map(({ key, how }) => `backend ${endpointOf(byKey.get(key)!)} ${how}`),
  ].join(", ");
}

function endpointOf({ address, port }: Backend): string {
  return formatEndpoint(address, port);
}

/** Each that is new, gone, or of which `describe` has something to say. */
function compared<Item>(
  before: readonly Item[],
  after: readonly Item[],
  keyOf: (item: Item) => string,
  describe: (before: Item, after: Item) => string,
): { readonly key: string; readonly how: string }[] {
  const old = new Map(before.map((item) => [keyOf(item), item]));
  const kept = new Set(after.map(keyOf));
  const found = after.map((item) => {
    const earlier = old.get(keyOf(item));
    return { key: keyOf(item), how: earlier ? describe(earlier, item) : "new" };
  });
  const gone = [...old.keys()].filter((key) => !kept.has(key)).map((key) => ({ key, how: "gone" }));
  return [...found, ...gone].filter(({ how }) => how !== "");
}

function changedKeys(before: object, after: object): string[] {
  const [old, fresh] = [before, after].map((each) => new Map(Object.entries(each)));
  const keys = new Set([...old!.keys(), ...fresh!.keys()]);
  const text = (value: unknown) => JSON.stringify(value) ?? "";
  return [...keys].filter((key) => text(old!.get(key)) !== text(fresh!.get(key)));
}
