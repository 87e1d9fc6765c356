import type { State } from "./state.ts";

/** How often is looked where nothing is dear. */
const LOOK_MS = 2_000;

/** While connections are counted down. */
const DRAIN_LOOK_MS = 1_000;

/** The pause after a look is at least so many times as long as the look took: looks are 4 % of a core at most. */
const REST = 24;

/** However dear looks are, what is shown is not older than that. */
const LOOK_MS_MAX = 30_000;

/** How long to wait for the next look. Pure. @param look_ms how long the last one took */
export function pauseAfter(look_ms: number, state: State): number {
  const wanted_ms = isDraining(state) ? DRAIN_LOOK_MS : LOOK_MS;
  return Math.min(LOOK_MS_MAX, Math.max(wanted_ms - look_ms, look_ms * REST));
}

/** A drain is under way, of which the screen counts the seconds. Pure. */
export function isDraining({ picture }: State): boolean {
  return picture?.status.services.some(({ backends }) =>
    backends.some(({ drain }) => drain !== null && drain.ended === null)
  ) ?? false;
}
