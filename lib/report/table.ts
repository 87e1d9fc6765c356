import { textWidth } from "../model/width.ts";

/** Text that is coloured only where the output is a terminal. */
export type Paint = (text: string, style: Style) => string;
export type Style = "bold" | "dim" | "red" | "green" | "yellow";

const CODES: Readonly<Record<Style, string>> = {
  bold: "1",
  dim: "2",
  red: "31",
  green: "32",
  yellow: "33",
};

/** @param colour whether the output may carry ANSI colours */
export function painter(colour: boolean): Paint {
  return colour ? (text, style) => `\x1b[${CODES[style]}m${text}\x1b[0m` : (text) => text;
}

/** Columns side by side, each as wide as its widest cell; the last one is not padded. */
export function columns(rows: readonly (readonly string[])[], gap = "  "): string {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, index) => {
      widths[index] = Math.max(widths[index] ?? 0, textWidth(cell));
    });
  }
  return rows.map((row) => row.map((cell, index) => pad(cell, widths[index]!)).join(gap).trimEnd())
    .join("\n");
}

function pad(cell: string, width: number): string {
  return cell + " ".repeat(width - textWidth(cell));
}
