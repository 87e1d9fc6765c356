/** What is counted of a service, or of a backend. null: cannot be counted cheaply. */
export interface Counts {
  /** Since its backends were added, as `lb status` tells it. */
  readonly new_connections: number | null;
  readonly active_connections: number | null;
  readonly bytes_in: number | null;
  readonly bytes_out: number | null;
}

/** What was counted of all of them together. Pure. */
export function totalsOf(all: readonly Counts[]): Counts {
  const sum = (key: keyof Counts) =>
    all.reduce<number | null>(
      (total, { [key]: count }) => total === null || count === null ? null : total + count,
      0,
    );
  return {
    new_connections: sum("new_connections"),
    active_connections: sum("active_connections"),
    bytes_in: sum("bytes_in"),
    bytes_out: sum("bytes_out"),
  };
}

/** What was counted of one service at one moment. */
export interface Sample extends Counts {
  readonly service: string;
  /** Milliseconds since 1970. */
  readonly at_ms: number;
}

/** For how long samples are kept, and how far apart. */
interface Tier {
  readonly age_ms_max: number;
  /** One sample for each of these spans of time, the first of it. */
  readonly span_ms: number;
}

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** From the youngest on: 360, 276 and 696 samples, 1,332 in all. */
const TIERS: readonly Tier[] = [
  { age_ms_max: HOUR, span_ms: 10 * SECOND },
  { age_ms_max: DAY, span_ms: 5 * MINUTE },
  { age_ms_max: 30 * DAY, span_ms: HOUR },
];

const TIMES_MAX = TIERS.reduce(
  (sum, { age_ms_max }, at) =>
    sum + (age_ms_max - (TIERS[at - 1]?.age_ms_max ?? 0)) / TIERS[at]!.span_ms,
  0,
);

/**
 * What is kept of all services together, at 40 bytes each: 20 MB. Up to 375 services have all that the tiers
 * name; 10,000 have 50 samples each.
 */
export const SAMPLES_MAX = 500_000;

/** How many times longer the spans are, so that samples of so many services fit in. */
export function stretchFor(services: number): number {
  return Math.max(1, Math.ceil(services * TIMES_MAX / SAMPLES_MAX));
}

/** Whether the first sample of a new span may be taken. Spans begin at multiples of theirs since 1970. */
export function isSampleDue(
  last: { readonly at_ms: number; readonly services: number } | undefined,
  now_ms: number,
): boolean {
  if (!last || last.at_ms > now_ms) return true;
  const span_ms = TIERS[0]!.span_ms * stretchFor(last.services);
  return Math.floor(now_ms / span_ms) !== Math.floor(last.at_ms / span_ms);
}

/**
 * Which samples are not to be kept: too old, or not the first of their span. Those that lie ahead were taken
 * by a clock that has been put right since.
 *
 * @param times_ms when samples were taken, oldest first
 * @param stretch {@linkcode stretchFor} the services there are
 */
export function surplusTimes(
  times_ms: readonly number[],
  now_ms: number,
  stretch: number,
): number[] {
  let span = "";
  return times_ms.filter((at_ms) => {
    const before = span;
    span = spanOf(at_ms, now_ms, stretch);
    return span === "" || span === before;
  });
}

/** The span that a sample stands for; "" where there is none for it. */
function spanOf(at_ms: number, now_ms: number, stretch: number): string {
  const tier = TIERS.findIndex(({ age_ms_max }) => now_ms - at_ms <= age_ms_max);
  if (tier < 0 || at_ms > now_ms) return "";
  return `${tier} ${Math.floor(at_ms / (TIERS[tier]!.span_ms * stretch))}`;
}

/** What came about between two samples of a service. */
export interface Rates {
  /** null where it is not known: not counted, or counted anew from less. */
  readonly new_per_second: number | null;
  readonly bytes_in_per_second: number | null;
  readonly bytes_out_per_second: number | null;
}

/** Pure. @returns undefined where there is no time between them */
export function ratesBetween(
  before: Omit<Sample, "service">,
  after: Omit<Sample, "service">,
): Rates | undefined {
  const elapsed_s = (after.at_ms - before.at_ms) / SECOND;
  if (elapsed_s <= 0) return undefined;
  const rate = (key: "new_connections" | "bytes_in" | "bytes_out") => {
    const [from, to] = [before[key], after[key]];
    // A backend that left has taken its count with it.
    return from === null || to === null || to < from ? null : (to - from) / elapsed_s;
  };
  return {
    new_per_second: rate("new_connections"),
    bytes_in_per_second: rate("bytes_in"),
    bytes_out_per_second: rate("bytes_out"),
  };
}
