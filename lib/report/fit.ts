import { cut, textWidth } from "../model/width.ts";
import { columns } from "./table.ts";

/** Spellings of one cell, the longest first. */
export type Cell = string | readonly string[];

/** How a table is made narrower. */
export interface Fit {
  /** Places of the terminal; Infinity leaves everything as it is. */
  readonly width: number;
  /** Columns that may lose text, the first to lose it first, with the places that each keeps. */
  readonly shrink: readonly (readonly [column: number, places_min: number])[];
  /** Columns that are left out where that is not enough, the first to go first. */
  readonly drop: readonly number[];
}

const GAP = 2;

/** Columns side by side as {@linkcode columns} has them, none of the lines longer than the terminal is wide. */
export function fitColumns(rows: readonly (readonly Cell[])[], fit: Fit): string {
  const longest = rows.map((row) => row.map((cell) => typeof cell === "string" ? cell : cell[0]!));
  if (fit.width === Infinity) return columns(longest);
  const widths = fittedWidths(widthsOf(longest), fit);
  const kept = widths.flatMap((width, at) => width === undefined ? [] : [{ width, at }]);
  const cells = rows.map((row) =>
    kept.filter(({ at }) => at < row.length).map(({ width, at }) => spelled(row[at]!, width))
  );
  return columns(cells).split("\n").map((line) => cutTidily(line, fit.width)).join("\n");
}

function widthsOf(rows: readonly (readonly string[])[]): number[] {
  const count = Math.max(0, ...rows.map((row) => row.length));
  return Array.from(
    { length: count },
    (_, at) => Math.max(...rows.map((row) => textWidth(row[at] ?? ""))),
  );
}

/** @returns undefined for columns that are left out */
function fittedWidths(natural: readonly number[], fit: Fit): (number | undefined)[] {
  const widths: (number | undefined)[] = [...natural];
  const excess = () => {
    const kept = widths.filter((width) => width !== undefined);
    return kept.reduce((sum, width) => sum + width, GAP * (kept.length - 1)) - fit.width;
  };
  const shrink = () => {
    for (const [at, places_min] of fit.shrink) {
      const width = widths[at];
      if (width === undefined || excess() <= 0) continue;
      widths[at] = Math.min(width, Math.max(places_min, width - excess()));
    }
  };
  shrink();
  for (const at of fit.drop) {
    if (excess() <= 0) break;
    widths[at] = undefined;
    // What the others have lost they need not have, now that there is room.
    for (const [column] of fit.shrink) widths[column] = natural[column];
    shrink();
  }
  return widths;
}

/** The first spelling that fits; else the last, cut. */
function spelled(cell: Cell, width: number): string {
  if (typeof cell === "string") return cutTidily(cell, width);
  return cell.find((text) => textWidth(text) <= width) ?? cutTidily(cell.at(-1)!, width);
}

/** Of a remark that goes at once no bracket stays. */
function cutTidily(text: string, width: number): string {
  return textWidth(text) <= width ? text : cut(text, width).replace(/[ (]+…(?=[^…]*$)/, "…");
}
