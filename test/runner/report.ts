import type { Outcome } from "./junit.ts";

/** What a suite came to. */
export interface SuiteResult {
  readonly name: string;
  readonly outcomes: readonly Outcome[];
  readonly seconds: number;
}

/** How many of a suite's tests came to which end. */
export function count(outcomes: readonly Outcome[], result: Outcome["result"]): number {
  return outcomes.filter((outcome) => outcome.result === result).length;
}

/** Whether every suite ran something and nothing failed. */
export function allGood(results: readonly SuiteResult[]): boolean {
  return results.every(({ outcomes }) =>
    count(outcomes, "failed") === 0 && count(outcomes, "passed") > 0
  );
}

/** The failures of one suite, each with its error. */
export function failures(outcomes: readonly Outcome[]): string[] {
  return outcomes.filter(({ result }) => result === "failed")
    .map(({ name, failure }) => `FAILED ${name}\n${failure.trimEnd().replaceAll(/^/gm, "  ")}`);
}

/** The names of what was skipped: they carry the reason. */
export function skipped(results: readonly SuiteResult[]): string[] {
  return results.flatMap(({ name, outcomes }) =>
    outcomes.filter(({ result }) => result === "skipped").map((one) => `${name}: ${one.name}`)
  );
}

/** A table of the suites, and alone on its last line the totals. */
export function summary(results: readonly SuiteResult[]): string[] {
  const rows = results.map(({ name, outcomes, seconds }) => [
    name,
    ...RESULTS.map((result) => `${count(outcomes, result)}`),
    seconds.toFixed(1),
  ]);
  return [...[["suite", ...RESULTS, "seconds"], ...rows].map(line), "", totals(results)];
}

/** `N passed, N failed, N skipped` */
export function totals(results: readonly SuiteResult[]): string {
  const all = results.flatMap(({ outcomes }) => outcomes);
  return RESULTS.map((result) => `${count(all, result)} ${result}`).join(", ");
}

const RESULTS = ["passed", "failed", "skipped"] as const;
const WIDTH = 10;

function line([first = "", ...rest]: string[]): string {
  return first.padEnd(WIDTH) + rest.map((cell) => cell.padStart(WIDTH)).join("");
}
