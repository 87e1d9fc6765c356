import { formatEndpoint, formatPrefix, isSingle } from "../../lib/model/address.ts";
import { nameOfKey, portRanges } from "../../lib/model/service.ts";
import { shortTime } from "../../lib/model/time.ts";
import { context } from "../context.ts";
import { type Candidate, type Completion, NOTHING, type Situation } from "./candidates.ts";

/** Places out of which values come: the options' defaults, unless the line says otherwise. */
interface Places {
  readonly config: string;
  readonly state: string;
}

type Source = (situation: Situation, places: Places) => Completion | Promise<Completion>;

const files: Source = () => ({ kind: "files", candidates: [] });
const folders: Source = () => ({ kind: "folders", candidates: [] });

/** What can be given that lb cannot know: a time, a new address. */
const unknown: Source = () => NOTHING;

/** What stands behind options and arguments without fixed choices: of every command, or of one. */
export const SOURCES: Readonly<Record<string, Source>> = {
  "--config": files,
  "--state": folders,
  "--run-dir": folders,
  "--lock-timeout": unknown,
  "apply --confirm": unknown,
  "queue --unit": files,
  "init --service": unknown,
  "init --vip": unknown,
  "init --port": unknown,
  "init --backend": unknown,
  "init --vip-on": interfaces,
  "reconcile --every": unknown,
  "reconcile --for": unknown,
  "doctor vip": directVips,
  "status service": services,
  "scale service": services,
  "why flow": unknown,
  "why --service": services,
  "why --to": doors,
  "scale --add": unknown,
  "scale --weight": (situation, places) => backends(situation, places, "="),
  "scale --drain": (situation, places) => backends(situation, places, ""),
  "scale --maintenance": (situation, places) => backends(situation, places, ""),
  "scale --ready": takenOut,
  "scale --remove": (situation, places) => backends(situation, places, ""),
  "scale --tier": unknown,
  "history revision": (_, places) => revisions(places, false),
  "history --diff": (_, places) => revisions(places, false),
  "history --limit": unknown,
  "events --since": unknown,
  "events --limit": unknown,
  "status --watch": unknown,
  "status --output": files,
  "rollback revision": (_, places) => revisions(places, true),
};

/** Values for an option or argument of the command on the line. */
export async function findValues(
  name: string,
  situation: Situation,
  defaults: Places,
): Promise<Completion> {
  const source = SOURCES[`${situation.command} ${name}`] ?? SOURCES[name];
  const given = (option: string) => situation.values.get(option)?.at(-1);
  const places = {
    config: given("--config") ?? defaults.config,
    state: given("--state") ?? defaults.state,
  };
  return await source?.(situation, places) ?? NOTHING;
}

async function services(_: Situation, { config }: Places): Promise<Completion> {
  const { serviceNames } = await import("../../lib/config/edit/outline.ts");
  return words(
    serviceNames(await context.peekConfig({ config }) ?? "").map((value) => ({ value })),
  );
}

/** VIPs with their ports. */
async function doors(_: Situation, { config }: Places): Promise<Completion> {
  const services = await configured(config);
  const all = services.flatMap(({ vip, ...service }) =>
    vip.filter(isSingle).flatMap((one) =>
      portRanges(service).map(({ first }) => formatEndpoint(one, Math.max(1, first)))
    )
  );
  return words([...new Set(all)].map((value) => ({ value })));
}

async function configured(config: string) {
  const { parseConfig } = await import("../../lib/config/load.ts");
  return (await parseConfig(context.files.read(config) ?? "", config)).config.services;
}

/** Where a VIP can be put. */
function interfaces(): Completion {
  const names = context.files.list("/sys/class/net");
  return words(["auto", "none", ...names].map((value) => ({ value })));
}

/** VIPs of services whose backends have them too. */
async function directVips(_: Situation, { config }: Places): Promise<Completion> {
  const services = await configured(config);
  const vips = services.filter(({ forward }) => forward === "dr").flatMap(({ vip }) => vip);
  return words([...new Set(vips.map(formatPrefix))].map((value) => ({ value })));
}

/** Backends of the service on the line that are not on it yet. */
async function backends(
  { operands, values }: Situation,
  { config }: Places,
  tail: string,
): Promise<Completion> {
  const { serviceBackends } = await import("../../lib/config/edit/outline.ts");
  const text = await context.peekConfig({ config }) ?? "";
  const all = serviceBackends(text, operands[0] ?? "");
  const named = [...values.values()].flat().map((value) => value.replace(/=\d*$/, ""));
  const candidates = all.filter(({ endpoint }) => !named.includes(endpoint))
    .map(({ endpoint, weight = 100 }) => ({ value: endpoint + tail, what: `weight ${weight}` }));
  return { ...words(candidates), isOpen: tail !== "" };
}

/** Those that are taken out, with how; all of them where none is known to be. */
async function takenOut(situation: Situation, places: Places): Promise<Completion> {
  const all = await backends(situation, places, "");
  const intents = await intentsOf(situation.operands[0] ?? "", places);
  const out = all.candidates.flatMap(({ value }) => {
    const what = intents.get(value);
    return what === undefined ? [] : [{ value, what }];
  });
  return out.length > 0 ? words(out) : all;
}

/** What is wanted of a service's backends, by their names; nothing for somebody who may not read it. */
async function intentsOf(service: string, { state }: Places): Promise<ReadonlyMap<string, string>> {
  const store = await context.readStore({ state }, { immutable: true }).catch(() => undefined);
  try {
    // Who grows back to a weight is ready.
    const rows = store?.intents.all().filter((row) =>
      row.service === service && row.intent !== "ready"
    );
    return new Map(rows?.map(({ backend, intent }) => [nameOfKey(backend), intent]));
  } finally {
    store?.close();
  }
}

/** @param earlier only those that one goes back to */
async function revisions({ state }: Places, earlier: boolean): Promise<Completion> {
  const store = await context.readStore({ state }, { immutable: true });
  if (!store) return NOTHING;
  try {
    const { isEarlier } = await import("../../lib/reconcile/rollback.ts");
    const current = store.revisions.latestApplied()?.revision;
    const all = store.revisions.summaries().filter((one) => !earlier || isEarlier(one, current));
    return words(all.map(({ revision, outcome, at_ms, who, command }) => {
      const time = shortTime(at_ms);
      return { value: `${revision}`, what: `${outcome} ${time} by ${who}: ${command}` };
    }));
  } finally {
    store.close();
  }
}

function words(candidates: readonly Candidate[]): Completion {
  return { kind: "words", candidates };
}
