import { totalsOf } from "../model/sample.ts";
import type { ServiceStatus } from "../reconcile/status.ts";
import type { Counted } from "./picture.ts";

/**
 * A total that grows, at several moments: times and totals by turns, oldest first. Between two of them it is taken to
 * have grown evenly.
 */
export type Series = readonly number[];

/** How the totals of one service went. */
export interface Trend {
  readonly opened: Series;
  /** Both ways together. */
  readonly bytes: Series;
}

/** Of all services, by name. */
export type Trends = ReadonlyMap<string, Trend>;

/** How far back it goes. */
export const TREND_MS = 10 * 60_000;

/** Moments are kept this far apart: what lies between two looks is no news. */
const STEP_MS = 5_000;

/** What "now" is, for rates: shorter and they jump, longer and they lag. */
export const RATE_MS = 10_000;

const NOTHING: Trend = { opened: [], bytes: [] };

/** With what was counted, oldest first. Pure. */
export function withCounted(trends: Trends, counted: readonly Counted[]): Trends {
  const next = new Map(trends);
  for (const one of counted) {
    const { opened, bytes } = next.get(one.service) ?? NOTHING;
    const moved = one.bytes_in === null && one.bytes_out === null
      ? null
      : (one.bytes_in ?? 0) + (one.bytes_out ?? 0);
    next.set(one.service, {
      opened: extended(opened, one.at_ms, one.new_connections),
      bytes: extended(bytes, one.at_ms, moved),
    });
  }
  return next;
}

/** What a look has counted of services. Pure. */
export function countedOf(services: readonly ServiceStatus[], at_ms: number): Counted[] {
  return services.map(({ service, backends }) => {
    const { active_connections: _, ...totals } = totalsOf(backends);
    return { service: service.name, at_ms, ...totals };
  });
}

/** The newest moment stands in for the one before it where both are close together. */
export function extended(series: Series, at_ms: number, total: number | null): Series {
  if (total === null) return series;
  const last_ms = series.at(-2) ?? -Infinity;
  // Of a clock that was put back: what was before was of another time.
  if (at_ms < last_ms - STEP_MS) return [at_ms, total];
  if (at_ms <= last_ms) return series;
  const isClose = last_ms - (series.at(-4) ?? -Infinity) < STEP_MS;
  const kept = isClose ? series.slice(0, -2) : series;
  return [...kept.slice(firstSince(kept, at_ms - TREND_MS)), at_ms, total];
}

/** One moment from before is kept: growth since then begins there. */
function firstSince(series: Series, since_ms: number): number {
  let at = 0;
  while (at + 3 < series.length && series[at + 2]! <= since_ms) at += 2;
  return at;
}

/**
 * By how much it grew from one moment to another. A total that shrank was counted anew, or a backend has left: that is
 * no growth. Pure.
 *
 * @returns undefined where less than half of that time is known
 */
export function growth(series: Series, from_ms: number, to_ms: number): number | undefined {
  let sum = 0;
  let known_ms = 0;
  for (let at = series.length - 4; at >= 0; at -= 2) {
    const [begin_ms, before, end_ms, after] = series.slice(at, at + 4) as [
      number,
      number,
      number,
      number,
    ];
    if (end_ms <= from_ms) break;
    const shared_ms = Math.min(end_ms, to_ms) - Math.max(begin_ms, from_ms);
    if (shared_ms <= 0) continue;
    known_ms += shared_ms;
    sum += Math.max(0, after - before) * shared_ms / (end_ms - begin_ms);
  }
  return known_ms * 2 < to_ms - from_ms ? undefined : sum * (to_ms - from_ms) / known_ms;
}

/** Per second, now; undefined where it is not known. Pure. */
export function rateNow(series: Series): number | undefined {
  const now_ms = series.at(-2);
  if (now_ms === undefined || series.length < 4) return undefined;
  const grown = growth(series, now_ms - RATE_MS, now_ms);
  if (grown !== undefined) return grown / RATE_MS * 1000;
  const first_ms = series[0]!;
  return (growth(series, first_ms, now_ms) ?? 0) / (now_ms - first_ms) * 1000;
}

/** Growth in so many equal parts of the time up to `now_ms`, oldest first. Pure. */
export function parts(series: Series, now_ms: number, count: number): (number | undefined)[] {
  const part_ms = TREND_MS / count;
  return Array.from({ length: count }, (_, index) => {
    const to_ms = now_ms - (count - 1 - index) * part_ms;
    return growth(series, to_ms - part_ms, to_ms);
  });
}

/** What backends were chosen for at one look, by their ids. */
export interface Tally {
  readonly at_ms: number;
  readonly opened: ReadonlyMap<number, number>;
}

/** So many looks are as long as rates look back, as a rule. */
const TALLIES_MAX = 6;

/** With one look more. Pure. */
export function withTally(
  tallies: readonly Tally[],
  services: readonly ServiceStatus[],
  at_ms: number,
): readonly Tally[] {
  const opened = new Map<number, number>();
  for (const { backends } of services) {
    for (const { backend, new_connections } of backends) {
      if (new_connections !== null) opened.set(backend.id, new_connections);
    }
  }
  return [...tallies.slice(1 - TALLIES_MAX), { at_ms, opened }];
}

/** New connections per second of a backend, now; undefined where they are not known. Pure. */
export function backendRate(tallies: readonly Tally[], id: number): number | undefined {
  const [before, last] = tallies.slice(-2);
  if (!before || !last) return undefined;
  // Of looks that are far apart, the rate between the last two is all there is.
  const first = tallies.slice(0, -1).find(({ at_ms }) => at_ms >= last.at_ms - RATE_MS) ?? before;
  const [from, to] = [first.opened.get(id), last.opened.get(id)];
  const elapsed_ms = last.at_ms - first.at_ms;
  if (from === undefined || to === undefined || elapsed_ms <= 0) return undefined;
  return Math.max(0, to - from) / elapsed_ms * 1000;
}
