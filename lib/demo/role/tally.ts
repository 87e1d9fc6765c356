import { type DownloadsResult, type RequestsResult, SLOW_MS } from "./spec.ts";

/** How one request went. */
export type Outcome =
  | { readonly ok: true; readonly backend: string; readonly ms: number }
  | { readonly ok: false; readonly error: string };

/** Sums up requests, in their order. Pure. */
export function tallyRequests(outcomes: readonly Outcome[], duration_ms: number): RequestsResult {
  const times = outcomes.flatMap((outcome) => outcome.ok ? [outcome.ms] : []);
  return {
    requests: outcomes.length,
    failed: outcomes.filter((outcome) => !outcome.ok).length,
    per_backend: countNames(outcomes),
    answers: outcomes.map((outcome) => outcome.ok ? outcome.backend : ""),
    errors: countErrors(outcomes),
    slowest_ms: Math.round(times.reduce((most, ms) => Math.max(most, ms), 0)),
    slow: times.filter((ms) => ms > SLOW_MS).length,
    duration_ms: Math.round(duration_ms),
  };
}

/** Sums up downloads. Pure. */
export function tallyDownloads(outcomes: readonly Outcome[]): DownloadsResult {
  const completed = outcomes.filter((outcome) => outcome.ok).length;
  return {
    completed,
    broken: outcomes.length - completed,
    per_backend: countNames(outcomes),
    errors: countErrors(outcomes),
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

function countNames(outcomes: readonly Outcome[]): Record<string, number> {
  return count(outcomes.flatMap((outcome) => outcome.ok ? [outcome.backend] : []));
}

function countErrors(outcomes: readonly Outcome[]): Record<string, number> {
  return count(outcomes.flatMap((outcome) => outcome.ok ? [] : [outcome.error]));
}
