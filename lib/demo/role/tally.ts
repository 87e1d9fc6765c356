import { type DownloadsResult, type RequestsResult, SLOW_MS } from "./spec.ts";

/** How one request went. */
export type RequestEnd =
  | { readonly ok: true; readonly backend: string; readonly ms: number }
  | { readonly ok: false; readonly error: string };

/** Sums up requests, in their order. Pure. */
export function tallyRequests(ends: readonly RequestEnd[], duration_ms: number): RequestsResult {
  const times = ends.flatMap((end) => end.ok ? [end.ms] : []);
  return {
    requests: ends.length,
    failed: ends.filter((end) => !end.ok).length,
    per_backend: countNames(ends),
    answers: ends.map((end) => end.ok ? end.backend : ""),
    errors: countErrors(ends),
    slowest_ms: Math.round(times.reduce((most, ms) => Math.max(most, ms), 0)),
    slow: times.filter((ms) => ms > SLOW_MS).length,
    duration_ms: Math.round(duration_ms),
  };
}

/** Sums up downloads. Pure. */
export function tallyDownloads(ends: readonly RequestEnd[]): DownloadsResult {
  const completed = ends.filter((end) => end.ok).length;
  return {
    completed,
    broken: ends.length - completed,
    per_backend: countNames(ends),
    errors: countErrors(ends),
  };
}

/** How often each string occurs, in the order of the strings. */
export function count(values: readonly string[]): Record<string, number> {
  const counts = new Map<string, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return Object.fromEntries(
    [...counts].sort(([a], [b]) => a.localeCompare(b, "en", { numeric: true })),
  );
}

function countNames(ends: readonly RequestEnd[]): Record<string, number> {
  return count(ends.flatMap((end) => end.ok ? [end.backend] : []));
}

function countErrors(ends: readonly RequestEnd[]): Record<string, number> {
  return count(ends.flatMap((end) => end.ok ? [] : [end.error]));
}
