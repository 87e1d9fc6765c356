import type { JournalEntry, JournalResource } from "../model/journal.ts";
import { parsePlacementKey, placementKey } from "./address/placement.ts";
import type { Interface } from "./interface.ts";
import { interfaceIn, withInterface } from "./sysctl/key.ts";

/** An open journal entry under the name that its interface has now. */
export interface NamedEntry extends JournalEntry {
  /** The interface's name when it was written down, where it is another one now. */
  readonly renamed_from?: string;
}

/** How a resource's keys name an interface. */
interface Naming {
  nameIn(key: string): string | undefined;
  withName(key: string, name: string): string;
}

const NAMINGS: Readonly<Record<JournalResource, Naming>> = {
  sysctl: { nameIn: interfaceIn, withName: withInterface },
  address: {
    nameIn: (key) => parsePlacementKey(key)?.interfaceName,
    withName(key, name) {
      const vip = parsePlacementKey(key)?.vip;
      return vip ? placementKey(name, vip) : key;
    },
  },
  // Names none.
  module: { nameIn: () => undefined, withName: (key) => key },
};

/**
 * Open entries by the names of today: the kernel keeps addresses and settings of an interface that is
 * renamed, and its index. Entries without one are taken at their word. Pure.
 */
export function asNamedNow(
  open: readonly JournalEntry[],
  interfaces: readonly Interface[],
): NamedEntry[] {
  const names = new Map(interfaces.map(({ index, name }) => [index, name]));
  return open.map((entry) => {
    const { nameIn, withName } = NAMINGS[entry.resource];
    const before = nameIn(entry.key);
    const now = names.get(entry.ifindex ?? 0);
    if (before === undefined || now === undefined || now === before) return entry;
    return { ...entry, key: withName(entry.key, now), renamed_from: before };
  });
}

/** New names of interfaces, by those on record. Pure. */
export function renames(entries: readonly NamedEntry[]): Map<string, string> {
  return new Map(entries.flatMap(({ resource, key, renamed_from }) => {
    const now = NAMINGS[resource].nameIn(key);
    return renamed_from === undefined || now === undefined ? [] : [[renamed_from, now] as const];
  }));
}

/** What an operator may want to know of interfaces that were renamed, a sentence for each. Pure. */
export function renameNotes(entries: readonly NamedEntry[]): string[] {
  return Array.from(
    renames(entries),
    ([before, now]) =>
      `${before} was renamed to ${now} since lb changed something there: it is put back under that name`,
  );
}
