import { shortTime } from "./time.ts";

/**
 * A revision that is in force until its time is over, unless somebody confirms it: commit-confirm, as routers have it
 * (Junos `commit confirmed`).
 */
export interface Trial {
  readonly revision: number;
  /** The revision that comes back; null: nothing was applied before it. */
  readonly back_to: number | null;
  /** When its time began. Milliseconds since 1970. */
  readonly since_ms: number;
  /** Milliseconds since 1970. */
  readonly until_ms: number;
}

/** A clock that is put right by less does not end a trial before its time. */
const CLOCK_STEP_MS = 10_000;

/**
 * Nobody has confirmed it in time. Where the clock says that it has not begun yet, it was put back, and nobody knows
 * how much time has gone by. Pure.
 */
export function isOver({ since_ms, until_ms }: Trial, now_ms: number): boolean {
  return now_ms >= until_ms || now_ms < since_ms - CLOCK_STEP_MS;
}

/** What comes back, for the end of a sentence. Pure. */
export function backWords({ back_to }: Trial): string {
  return back_to === null ? "to nothing, as before" : `to revision ${back_to}`;
}

/** That it is on trial, in a sentence. Pure. */
export function trialWords(trial: Trial): string {
  const until = shortTime(trial.until_ms);
  return `revision ${trial.revision} is on trial until ${until}: "lb apply" keeps it, ` +
    `else it goes back ${backWords(trial)}`;
}
