import type { Recorded } from "../../model/state.ts";

/**
 * Backends that are wanted no more and stay for their connections' sake: they are in no state, so they go
 * on record as objects, with the id that they are counted for.
 */
const LEAVING = "leaving";

/** What goes on record of one. */
export function leavingRecord(id: number | undefined): Recorded {
  return { source: `${id ?? 0}`, listing: LEAVING };
}

/** Its id; undefined where it has none, or is not on record. */
export function leavingId(recorded: Recorded | undefined): number | undefined {
  return isLeaving(recorded) ? Number(recorded?.source) || undefined : undefined;
}

/** Whether an object on record is one. */
export function isLeaving(recorded: Recorded | undefined): boolean {
  return recorded?.listing === LEAVING;
}
