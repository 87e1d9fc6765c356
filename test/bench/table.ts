import type { Spread } from "./statistics.ts";

/** A table with a heading, for the terminal and for the page alike. */
export interface Table {
  readonly title: string;
  /** A sentence or two before it. */
  readonly text: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** `12.3 (11.9–13)`; a range only where there is one. */
export function ranged(
  { median, min, max, count }: Spread,
  text: (value: number) => string,
): string {
  return count > 1 ? `${text(median)} (${text(min)}–${text(max)})` : text(median);
}

export function ratio(value: number): string {
  return value >= 10 ? value.toFixed(0) : value.toFixed(value >= 2 ? 2 : 3);
}
