import type { LoadFigure, LoadReading } from "../model/load.ts";
import type { Scheduler } from "../model/service.ts";

/**
 * Weights that follow load, for data paths whose shares are fixed until somebody writes them again: a step at
 * each look. Pure.
 *
 * What is followed is not the load, but what a unit of share costs: a load that comes of the share is divided
 * by the factor which that share was given with. So the answer to a change does not change the question, and
 * there is nothing to swing: a backend of a third of the speed costs three times as much with a small share as
 * with a large one. Loads that come late (long connections, a mean over a minute) make it slower, not wilder.
 */

/** Schedulers whose shares follow the connections at this moment. */
export function followsLoad(scheduler: Scheduler): scheduler is "lc" | "wlc" {
  return scheduler === "lc" || scheduler === "wlc";
}

/** Schedulers whose shares follow what is measured of backends, or asked of them. */
export function followsMeasure(scheduler: Scheduler): scheduler is "lr" | "cpu" {
  return scheduler === "lr" || scheduler === "cpu";
}

/** So many connections of each backend tell nothing: two against one is no load. */
const CONNECTIONS_UNTOLD = 4;

/** Within a network every answer takes as long; what is less tells of the wire and of us. */
const TIME_UNTOLD_MS = 2;

/** Processors that do next to nothing are all alike. */
const LOAD_UNTOLD = 0.03;

/** Whoever wants nothing still gets this part: who gets no connections at all is for health to say. */
const SHARE_MIN = 0.01;

/**
 * What connections cost a backend.
 *
 * @param share its weight beside the mean of its service
 * @param factor that its weight was multiplied by when they came
 */
export function costOfConnections(active: number, share: number, factor: number): LoadReading {
  const told = active / (share * factor);
  const cost = Math.log(told + CONNECTIONS_UNTOLD);
  // Counts of what comes by chance vary by their root.
  return { cost, noise: Math.sqrt(active) / (active + CONNECTIONS_UNTOLD) };
}

/** What a time that does not come of the share costs. */
export function costOfTime(took_ms: number): LoadReading {
  return { cost: Math.log(took_ms + TIME_UNTOLD_MS), noise: 0 };
}

/** What a backend says that it costs. @param factor that its weight is multiplied by */
export function costOfFigure({ kind, value }: LoadFigure, factor: number): LoadReading {
  const cost = kind === "share"
    ? -Math.log(Math.max(SHARE_MIN, value))
    : Math.log(value / factor + LOAD_UNTOLD);
  return { cost, noise: 0 };
}

/** What is off by more is news: believed by two fifths a look, so that ten looks are enough for a third of the speed. */
const NEWS_MIN = 0.1;
const NEWS_NOISES = 2;
const QUICK = 0.4;

/** The rest is chance for all one can tell, and evens out over the looks. */
const SLOW = 0.12;

/** Takes the next reading into what is known. */
export function smoothed(known: LoadReading | undefined, now: LoadReading): LoadReading {
  if (!known) return now;
  const change = now.cost - known.cost;
  const isNews = Math.abs(change) > Math.max(NEWS_MIN, NEWS_NOISES * now.noise);
  return { cost: known.cost + (isNews ? QUICK : SLOW) * change, noise: now.noise };
}

/** A backend beside its weight, as it is and as it was. */
export interface Loaded {
  readonly id: number;
  /** Without load; 0 takes no new connections. */
  readonly weight: number;
  /** Undefined where nothing is known: it counts as average. */
  readonly reading?: LoadReading;
  /** The factor it has now, as {@linkcode loadFactors} gave it. @default 1 */
  readonly factor?: number;
}

/** From an eighth of a weight to eight times it. */
const FACTOR_LOG_MAX = Math.log(8);

/** At one look a factor grows or shrinks by two fifths at most: a single look may mislead. */
const STEP_LOG_MAX = 0.35;

/**
 * Who is off by less stays: every step is a change in the kernel, and a service at rest is to be quiet. Less
 * than a tenth, so that shares are right to a tenth; more than what chance makes of a smoothed count.
 */
const TOLERANCE_LOG = 0.08;
const TOLERANCE_NOISES = 0.8;

/**
 * What each backend's weight is multiplied by, so that a unit of share costs each the same. All of them step at
 * once, or nobody does; what is as good as even becomes even.
 */
export function loadFactors(backends: readonly Loaded[]): Map<number, number> {
  const serving = backends.filter(({ weight }) => weight > 0);
  const tolerance = toleranceOf(serving);
  const now = serving.map(({ factor = 1 }) => Math.log(factor));
  const wanted = evened(wantedLogs(serving), tolerance / 2);
  const isOff = wanted.some((log, index) => Math.abs(log - now[index]!) > tolerance);
  const isEven = wanted.every((log) => log === 0);
  const next = isOff || isEven ? wanted.map((log, index) => step(now[index]!, log)) : now;
  return new Map(serving.map(({ id, factor = 1 }, index) => [
    id,
    next[index] === now[index] ? factor : Math.exp(next[index]!),
  ]));
}

function wantedLogs(serving: readonly Loaded[]): number[] {
  const read = serving.filter(({ reading }) => reading !== undefined);
  const weights = sum(read.map(({ weight }) => weight));
  const mean = sum(read.map(({ weight, reading }) => weight * reading!.cost)) / weights;
  return serving.map(({ reading }) => reading ? clamp(mean - reading.cost, FACTOR_LOG_MAX) : 0);
}

function evened(logs: readonly number[], small: number): readonly number[] {
  return logs.every((log) => Math.abs(log) <= small) ? logs.map(() => 0) : logs;
}

function toleranceOf(serving: readonly Loaded[]): number {
  const noises = serving.map(({ reading }) => TOLERANCE_NOISES * (reading?.noise ?? 0));
  return Math.max(TOLERANCE_LOG, ...noises);
}

function step(now: number, wanted: number): number {
  return now + clamp(wanted - now, STEP_LOG_MAX);
}

function clamp(log: number, max: number): number {
  return Math.max(-max, Math.min(max, log));
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0);
}
