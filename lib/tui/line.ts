import stringWidth from "fast-string-width";

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

const PRINTABLE_ASCII = /^[ -~]*$/;

/** Columns that a text takes on a terminal. Nearly all of them are plain. */
export function textWidth(text: string): number {
  return PRINTABLE_ASCII.test(text) ? text.length : stringWidth(text);
}

/** The text in so many columns at most, with `…` where some of it is left out. */
export function cut(text: string, columns: number): string {
  if (textWidth(text) <= columns) return text;
  let kept = "";
  let used = 0;
  for (const character of text) {
    used += textWidth(character);
    if (used > columns - 1) break;
    kept += character;
  }
  return columns < 1 ? "" : `${kept}…`;
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

/** A long text in lines of so many columns, broken between words. */
export function wrapped(text: string, columns: number, indent = ""): string[] {
  const lines: string[] = [];
  const blanks = /^ */.exec(text)![0];
  let current: string | undefined;
  for (const word of text.slice(blanks.length).split(" ")) {
    const next: string = current === undefined ? blanks + word : `${current} ${word}`;
    if (current !== undefined && textWidth(next) > columns) {
      lines.push(current);
      current = indent + word;
    } else current = next;
  }
  return [...lines, current!].map((one) => cut(one, columns));
}
