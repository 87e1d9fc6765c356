import type { Look, Span } from "../line.ts";
import { span } from "../line.ts";
import type { Standing } from "../rows.ts";

/** What stands for a standing: a sign of its own, so that colours are never needed. */
const SIGNS: Readonly<Record<Standing, readonly [sign: string, look: Look]>> = {
  failing: ["✗", "bad"],
  drain: ["↓", "odd"],
  maintenance: ["■", "odd"],
  idle: ["○", "odd"],
  unchecked: ["·", "plain"],
  well: ["●", "good"],
};

/** The sign of a standing, as it looks. */
export function sign(standing: Standing): Span {
  const [text, look] = SIGNS[standing];
  return span(text, look);
}

/** What the signs mean, for help. */
export const LEGEND: readonly (readonly [Standing, string])[] = [
  ["well", "healthy"],
  ["unchecked", "not checked"],
  ["failing", "unhealthy, or nobody takes connections"],
  ["drain", "drains, or is drained"],
  ["maintenance", "in maintenance"],
  ["idle", "weight 0"],
];

/** From nothing to the most there was. */
const BARS = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];

/** A picture of some figures, a cell each; blank where nothing is known. Pure. */
export function sparkline(values: readonly (number | undefined)[]): string {
  const most = values.reduce<number>((max, value) => Math.max(max, value ?? 0), 0);
  return values.map((value) => {
    if (value === undefined) return " ";
    if (value === 0 || most === 0) return BARS[0]!;
    // What is not nothing does not look like it.
    return BARS[Math.max(1, Math.round(value / most * (BARS.length - 1)))]!;
  }).join("");
}
