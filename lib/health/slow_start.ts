/** It grows in so many steps: each of them is a change in the kernel. */
const STEPS = 10;

/**
 * How much of its weight a backend has that rose a while ago, from a tenth to 1. Pure.
 *
 * @param risen_at_ms when it recovered; null where it did not have to
 * @param slow_start_ms until it has all; 0 gives all at once
 */
export function slowStart(
  risen_at_ms: number | null,
  slow_start_ms: number,
  now_ms: number,
): number {
  if (risen_at_ms === null || slow_start_ms === 0) return 1;
  const age_ms = now_ms - risen_at_ms;
  // A clock that was set back must not hold it down.
  if (age_ms < 0 || age_ms >= slow_start_ms) return 1;
  return (1 + Math.floor((STEPS - 1) * age_ms / slow_start_ms)) / STEPS;
}
