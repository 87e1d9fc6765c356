/** Whether test files that failed beside others are given a second try alone. Pure. */
import type { Outcome } from "./junit.ts";
import type { Cell } from "./matrix.ts";
import { count } from "./report.ts";

/** So many may fail because the machine was busy; more have another reason. */
const FILES_MAX = 4;

/** All suites together have 25 minutes, and some come after. */
const SECONDS_MAX = 180;

/**
 * Files to run once more: kernel tests wait for real packets and time-outs, and beside guests that take all of a
 * processor some come too late. What is wrong by itself fails twice; that it failed once is told either way.
 *
 * @returns none where so much failed that it cannot be the machine's doing
 */
export function secondTries(cells: readonly Cell[]): Cell[] {
  const fallen = cells.filter(({ outcomes }) => count(outcomes, "failed") > 0);
  const seconds = fallen.reduce((sum, cell) => sum + cell.seconds, 0);
  return fallen.length <= FILES_MAX && seconds <= SECONDS_MAX ? fallen : [];
}

/** The names of tests that failed at first and passed then, to be told. */
export function recovered(before: readonly Outcome[], after: readonly Outcome[]): string[] {
  const passed = new Set(
    after.filter(({ result }) => result === "passed").map(({ name }) => name),
  );
  return before.filter(({ name, result }) => result === "failed" && passed.has(name))
    .map(({ name }) => `PASSED AT THE SECOND TRY, alone: ${name}`);
}
