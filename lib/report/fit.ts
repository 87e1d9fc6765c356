import { columns, visibleWidth } from "./table.ts";

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
  return columns(cells).split("\n").map((line) => cut(line, fit.width)).join("\n");
}

function widthsOf(rows: readonly (readonly string[])[]): number[] {
  const count = Math.max(0, ...rows.map((row) => row.length));
  return Array.from(
    { length: count },
    (_, at) => Math.max(...rows.map((row) => visibleWidth(row[at] ?? ""))),
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
  if (typeof cell === "string") return cut(cell, width);
  return cell.find((text) => visibleWidth(text) <= width) ?? cut(cell.at(-1)!, width);
}

/** Where a terminal is told of colours, as `painter` does it. */
const STYLED = new RegExp(`(${String.fromCharCode(27)}\\[\\d+m)`);

/** The beginning of a text, with "…" for what is left out; colours go on to their end. */
export function cut(text: string, width: number): string {
  if (visibleWidth(text) <= width) return text;
  let left = width - 1;
  let isCut = false;
  const pieces = text.split(STYLED).map((piece, at) => {
    // Every other piece is a style.
    if (at % 2 === 1) return piece;
    let kept = "";
    for (const char of isCut ? "" : piece) {
      left -= visibleWidth(char);
      isCut = left < 0;
      if (isCut) return `${kept.replace(/[ (]+$/, "")}…`;
      kept += char;
    }
    return kept;
  });
  return width < 1 ? "" : pieces.join("");
}

/** Words in lines that fit; from the second on they are indented. What is one word stays whole, if it can. */
export function wrapped(text: string, width: number, indent = "  "): string[] {
  if (width === Infinity) return [text];
  const [, margin = "", rest = ""] = /^( *)(.*)$/s.exec(text) ?? [];
  const lines: string[] = [];
  let line = margin;
  let isEmpty = true;
  for (
    const word of rest.split(" ").flatMap((word) =>
      chunks(word, width - margin.length - indent.length)
    )
  ) {
    const next = isEmpty ? line + word : `${line} ${word}`;
    if (isEmpty || visibleWidth(next) <= width) line = next;
    else {
      lines.push(line.trimEnd());
      line = margin + indent + word;
    }
    isEmpty = false;
  }
  return [...lines, line];
}

function chunks(word: string, width: number): string[] {
  if (visibleWidth(word) <= width) return [word];
  const found = [""];
  for (const char of word) {
    if (visibleWidth(found.at(-1)! + char) > width) found.push("");
    found[found.length - 1] += char;
  }
  return found;
}
