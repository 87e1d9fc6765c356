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
    .map((one) => `FAILED ${label(one)}\n${one.failure.trimEnd().replaceAll(/^/gm, "  ")}`);
}

/** What was skipped: by its name, which carries the reason; several for one reason by their number. */
export function skipped(results: readonly SuiteResult[]): string[] {
  return results.flatMap(({ name, outcomes }) => {
    const all = outcomes.filter(({ result }) => result === "skipped");
    const groups = Map.groupBy(all, (one) => label({ ...one, name: reasonOf(one) }));
    return Array.from(
      groups,
      ([reason, group]) =>
        `${name}: ${group.length === 1 ? label(group[0]!) : `${reason} (${group.length} tests)`}`,
    );
  });
}

function reasonOf({ name }: Outcome): string {
  return / \(skipped: (.*)\)$/s.exec(name)?.[1] ?? name;
}

/** Its name, with the kernel where it is not our own. */
function label({ name, on = "own" }: Outcome): string {
  return on === "own" ? name : `on ${on}: ${name}`;
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
