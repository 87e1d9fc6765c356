import { cut, textWidth } from "../model/width.ts";

/** How a piece of text looks. Each goes with a word or a sign: none of them tells anything by itself. */
export type Look = "plain" | "strong" | "faint" | "good" | "odd" | "bad" | "chosen";

/** A piece of a line. */
export interface Span {
  readonly text: string;
  /** @default "plain" */
  readonly look?: Look;
}

/** One row of the screen. */
export type Line = readonly Span[];

/** Text without a look of its own, or with one. */
export function span(text: string, look?: Look): Span {
  return look ? { text, look } : { text };
}

/** A line of one piece. */
export function line(text: string, look?: Look): Line {
  return [span(text, look)];
}

/** Columns that it takes on a terminal. */
export function widthOf(line: Line): number {
  return line.reduce((sum, { text }) => sum + textWidth(text), 0);
}

/** Exactly so many columns: cut, or filled with blanks. */
export function fit(line: Line, columns: number): Line {
  const spans: Span[] = [];
  let left = columns;
  for (const { text, look } of line) {
    if (left <= 0) break;
    const shown = cut(text, left);
    left -= textWidth(shown);
    spans.push(span(shown, look));
    if (shown !== text) break;
  }
  return left > 0 ? [...spans, span(" ".repeat(left))] : spans;
}

/** The same with the blanks before it. */
export function fitRight(line: Line, columns: number): Line {
  const blanks = columns - widthOf(line);
  return blanks > 0 ? [span(" ".repeat(blanks)), ...line] : fit(line, columns);
}

/** The line as people read it, without blanks at its end. */
export function plainText(line: Line): string {
  return line.map(({ text }) => text).join("").trimEnd();
}
