import type { CheckResult } from "./check/check.ts";
import type { HealthRecord } from "../model/health.ts";
import type { Health } from "../model/service.ts";

/** Who falls within this time after rising has not been well: it flaps. */
const FLAP_MS = 10 * 60_000;

/** Whoever flaps more often than this has to be well for longer, twice as long each time … */
const FLAPS_FREE = 2;

/** … up to so many doublings. */
const DOUBLINGS_MAX = 5;

/**
 * Takes the next result of a backend's check. Unknown: one success admits, `fall` failures condemn. Then
 * `fall` failures in a row, and `rise` successes in a row, change the state. Pure.
 *
 * @param now_ms milliseconds since 1970
 */
export function step(
  known: HealthRecord,
  result: CheckResult,
  limits: Pick<Health, "rise" | "fall">,
  now_ms: number,
): HealthRecord {
  const before = observed(known, result, now_ms);
  if (result.ok) return succeeded(before, limits, now_ms);
  return failed(before, limits, now_ms);
}

/**
 * Takes a failure that is not believed: the state stays as it is, but the failure counts, for when failures
 * are believed again. Pure.
 */
export function unbelieved(
  known: HealthRecord,
  failure: CheckResult,
  now_ms: number,
): HealthRecord {
  return { ...observed(known, failure, now_ms), streak: known.streak + 1 };
}

/** Successes in a row that bring an unhealthy backend back. Pure. */
export function neededToRise({ rise }: Pick<Health, "rise">, flaps: number): number {
  return rise * 2 ** Math.min(DOUBLINGS_MAX, Math.max(0, flaps - FLAPS_FREE));
}

/** Of a backend that nobody has checked. Pure. */
export function recordSince(now_ms: number, state: HealthRecord["state"]): HealthRecord {
  return {
    state,
    since_ms: now_ms,
    streak: 0,
    flaps: 0,
    risen_at_ms: null,
    checked_at_ms: now_ms,
    reason: "",
    check_ms: 0,
  };
}

function observed(
  known: HealthRecord,
  { reason, took_ms }: CheckResult,
  now_ms: number,
): HealthRecord {
  return { ...known, checked_at_ms: now_ms, reason, check_ms: took_ms };
}

function succeeded(
  before: HealthRecord,
  limits: Pick<Health, "rise" | "fall">,
  now_ms: number,
): HealthRecord {
  if (before.state === "healthy") return { ...before, streak: 0 };
  const change = { state: "healthy", since_ms: now_ms, streak: 0 } as const;
  // "One success admits": who was never seen to fail has nothing to recover from.
  if (before.state === "unknown") return { ...before, ...change };
  const streak = before.streak + 1;
  if (streak < neededToRise(limits, before.flaps)) return { ...before, streak };
  return { ...before, ...change, risen_at_ms: now_ms };
}

function failed(
  before: HealthRecord,
  { fall }: Pick<Health, "rise" | "fall">,
  now_ms: number,
): HealthRecord {
  if (before.state === "unhealthy") return { ...before, streak: 0 };
  const streak = before.streak + 1;
  if (streak < fall) return { ...before, streak };
  const { risen_at_ms } = before;
  const isFlap = risen_at_ms !== null && now_ms - risen_at_ms < FLAP_MS;
  const flaps = isFlap ? before.flaps + 1 : 0;
  return { ...before, state: "unhealthy", since_ms: now_ms, streak: 0, flaps };
}
