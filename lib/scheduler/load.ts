import type { Scheduler } from "../model/service.ts";

/**
 * Least connections for a slot table, whose shares are fixed until somebody writes it again: weights follow
 * the counts of connections, a step at each look. Pure.
 */

/** Schedulers whose shares follow the connections at this moment. */
export function followsLoad(scheduler: Scheduler): scheduler is "lc" | "wlc" {
  return scheduler === "lc" || scheduler === "wlc";
}

/** A backend beside its weight, as it is and as it was. */
export interface Loaded {
  readonly id: number;
  /** Without load; 0 takes no new connections. */
  readonly weight: number;
  /** Connections now. */
  readonly active: number;
  /** The factor it has now, as {@linkcode loadFactors} gave it. @default 1 */
  readonly factor?: number;
}

/** Factors are powers of the fourth root of 2: a step is a fifth more or less. */
const STEPS_PER_DOUBLING = 4;

/** From a quarter of a weight to four times it. */
const STEPS_MAX = 2 * STEPS_PER_DOUBLING;

/** At one look: connections that have just come take a while to be seen. */
const STEPS_AT_ONCE_MAX = 2;

/** So many connections of each backend tell nothing: two against one is no load. */
const CONNECTIONS_UNTOLD = 4;

/**
 * What each backend's weight is multiplied by, so that the next connections go where there are fewer for the
 * weight. Half of the way to what the counts ask for, since connections that end soon answer at once, and
 * the whole way would swing from one side to the other for good.
 */
export function loadFactors(
  backends: readonly Loaded[],
  scheduler: "lc" | "wlc",
): Map<number, number> {
  const serving = backends.filter(({ weight }) => weight > 0);
  const weightOf = ({ weight }: Loaded) => scheduler === "lc" ? 1 : weight;
  const weights = sum(serving.map(weightOf));
  const untold = serving.length * CONNECTIONS_UNTOLD / weights;
  const mean = sum(serving.map(({ active }) => active)) / weights;
  return new Map(serving.map((backend) => {
    const load = backend.active / weightOf(backend);
    const ideal = stepsOf((mean + untold) / (load + untold));
    return [backend.id, 2 ** (nextStep(stepsOf(backend.factor ?? 1), ideal) / STEPS_PER_DOUBLING)];
  }));
}

function stepsOf(factor: number): number {
  const steps = STEPS_PER_DOUBLING * Math.log2(factor);
  return Math.max(-STEPS_MAX, Math.min(STEPS_MAX, steps));
}

/** Less than a step is no reason to write anything. */
function nextStep(now: number, ideal: number): number {
  const step = Math.round(now);
  const way = ideal - step;
  if (Math.abs(way) < 1) return step;
  const half = Math.max(1, Math.min(STEPS_AT_ONCE_MAX, Math.round(Math.abs(way) / 2)));
  return step + Math.sign(way) * half;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0);
}
