import type { Change } from "../../../model/change.ts";
import type { Recorded } from "../../../model/state.ts";
import type { Committed } from "../../engine.ts";
import { fingerprint } from "../../../model/fingerprint.ts";

/** What is written in one piece: a table of nft's, or lb's chain in a table of iptables'. */
export interface Unit {
  /** Fingerprint of our text; of a look at the kernel, what is known of whose it is. */
  readonly source: string;
  /** What its program is given, or was given once where that is on record. */
  readonly text?: string;
  /** What it does, for people. Desired side only. */
  readonly detail?: string;
  /** Fingerprint of the kernel's own words. Of a look only. */
  readonly listing?: string;
}

/** By `nft table ip lb-ipvs` or `iptables-legacy table raw`. */
export type Units = ReadonlyMap<string, Unit>;

/** What to do to a unit; without a text it goes. */
export interface UnitStep {
  readonly name: string;
  readonly text?: string;
}

/** A unit as it is wanted. */
export function wantedUnit(text: string, detail: string): Unit {
  return { source: fingerprint(text), text, detail };
}

/**
 * Units as they were found: ours and unchanged where their listing is on record. Pure.
 *
 * @param written as `committed` should have them
 */
export function foundUnits(
  listings: ReadonlyMap<string, string>,
  committed?: Committed,
  written?: Units,
): Units {
  return new Map(Array.from(listings, ([name, words]) => {
    const listing = fingerprint(words);
    const recorded = committed?.objects.get(unitObject(name));
    const source = recorded?.listing === listing ? recorded.source : `unknown ${listing}`;
    return [name, { source, listing, text: written?.get(name)?.text }];
  }));
}

/** How units are named in plans, events and records. */
export function unitObject(name: string): string {
  return `rules of ${name}`;
}

/** What goes on record of those that were written. @param have what the kernel tells of them since */
export function recordedUnits(
  steps: readonly UnitStep[],
  want: Units,
  have: Units,
): Map<string, Recorded | undefined> {
  return new Map(steps.map(({ name }) => {
    const [source, listing] = [want.get(name)?.source, have.get(name)?.listing];
    const isThere = source !== undefined && listing !== undefined;
    return [unitObject(name), isThere ? { source, listing } : undefined];
  }));
}

/** What is different, as writes: whole units. Pure. */
export function unitSteps(want: Units, have: Units): UnitStep[] {
  return [
    ...[...want].filter(([name, { source }]) => have.get(name)?.source !== source)
      .map(([name, { text }]) => ({ name, text })),
    ...[...have.keys()].filter((name) => !want.has(name)).map((name) => ({ name })),
  ];
}

/** The same for people. Pure. */
export function unitChanges(want: Units, have: Units): Change[] {
  return unitSteps(want, have).map(({ name }) => {
    const wanted = want.get(name);
    const op = wanted ? have.has(name) ? "change" : "add" : "remove";
    return { engine: "ipvs", op, object: unitObject(name), detail: wanted?.detail ?? "" };
  });
}

/** Units that differ from what was committed. Pure. */
export function unitDrift(committed: Units, have: Units): string[] {
  return unitSteps(committed, have).map(({ name }) => unitObject(name));
}
