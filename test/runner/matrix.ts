/** Test files by kernels, as a table to read. Pure. */
import type { Outcome } from "./junit.ts";
import type { MachineName } from "./kernels.ts";
import { count } from "./report.ts";

/** What one file came to on one kernel. */
export interface Cell {
  readonly file: string;
  readonly on: MachineName;
  readonly outcomes: readonly Outcome[];
  readonly seconds: number;
  /** Whether not all tests of the file were asked for. @default false */
  readonly isPart?: boolean;
}

/** A kernel's name and release, or why there is none. */
export interface Column {
  readonly on: MachineName;
  readonly release: string;
}

const GAP = 3;

/** A row per file, a column per kernel; a dot where a file is not meant for a kernel. */
export function matrix(cells: readonly Cell[], columns: readonly Column[]): string[] {
  const files = [...new Set(cells.map(({ file }) => file))];
  const rows = files.map((file) => [
    file,
    ...columns.map(({ on }) =>
      cellText(cells.find((cell) => cell.file === file && cell.on === on))
    ),
  ]);
  const total = ["in all", ...columns.map(({ on }) => totalText(cells, on))];
  const lines = aligned([
    ["", ...columns.map(({ on }) => on)],
    ["kernel", ...columns.map(({ release }) => release)],
    ...rows,
    total,
  ]);
  return [...lines, "", "* a part of its tests, · none of them: test/runner/kernels.ts says why"];
}

function cellText(cell: Cell | undefined): string {
  return cell ? text(cell.outcomes, cell.seconds, cell.isPart) : "·";
}

function totalText(cells: readonly Cell[], on: MachineName): string {
  const here = cells.filter((cell) => cell.on === on);
  const seconds = here.reduce((sum, cell) => sum + cell.seconds, 0);
  return text(here.flatMap(({ outcomes }) => outcomes), seconds);
}

function text(outcomes: readonly Outcome[], seconds: number, isPart = false): string {
  const parts = (["passed", "failed", "skipped"] as const)
    .map((result) => [count(outcomes, result), result] as const)
    .filter(([number]) => number > 0)
    .map(([number, result]) => `${number} ${result === "failed" ? "FAILED" : result}`);
  return `${parts.join(", ")}${isPart ? "*" : ""}, ${Math.round(seconds)} s`;
}

function aligned(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, column) =>
    Math.max(...rows.map((row) => row[column]!.length)) + GAP
  );
  return rows.map((row) =>
    row.map((cell, column) => cell.padEnd(widths[column]!)).join("").trimEnd()
  );
}
