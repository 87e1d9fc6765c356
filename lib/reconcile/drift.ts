import type { Committed, Engine, EngineSnapshot } from "../engine/engine.ts";
import type { Memory } from "./memory.ts";

/** How what the kernel holds relates to what lb last left there. */
export interface Drift {
  /** Objects changed behind our back. */
  readonly objects: readonly string[];
  /** A word for the operator where the difference is nobody's fault. */
  readonly note?: string;
  /** A run left this behind and never came to its end: nobody else's doing, but not on record either. */
  readonly isCutOff?: boolean;
}

/** The mark of a transaction that leaves nothing behind. */
export const NOTHING_LEFT = "";

/** By what the kernel's state is known: the token on it, or its absence. */
export function markOf({ present, token }: EngineSnapshot): string | undefined {
  return present ? token : NOTHING_LEFT;
}

/** The kernel holds what neither a record nor a run that was cut off accounts for. Pure. */
export function isUnknown(have: EngineSnapshot, { record, pending }: Memory): boolean {
  const mark = markOf(have);
  return have.present && !record && !(mark !== undefined && pending.includes(mark));
}

/** Tells drift from a first apply, a reboot and a run that was cut off. Pure. */
export function findDrift(
  engine: Engine,
  have: EngineSnapshot,
  { record, pending }: Memory,
  { committed, version }: { readonly committed?: Committed; readonly version: string },
): Drift {
  const mark = markOf(have);
  if (mark !== undefined && pending.includes(mark)) {
    const note = `${engine.name}: settled what a run that was cut off had left`;
    return { objects: [], note, isCutOff: true };
  }
  if (!record || !committed) {
    const note = have.present ? `${engine.name}: took over what an unknown lb left` : undefined;
    return { objects: [], note };
  }
  if (have.present && have.token !== committed.token) {
    return { objects: [`${engine.name}: everything (written by somebody else)`] };
  }
  // Another lb may have written the same state otherwise: what differs is nobody's doing.
  return { objects: record.lb_version === version ? engine.drift(have, committed) : [] };
}
