import { EXIT_ATTENTION, EXIT_CODES, EXIT_OK } from "../../lib/model/error.ts";

/** What each exit code means, in the order of the codes. */
export const EXIT_MEANINGS: readonly (readonly [code: number, meaning: string])[] = [
  [EXIT_OK, "done"],
  [EXIT_ATTENTION, "needs attention"],
  [EXIT_CODES.usage, "wrong usage"],
  [EXIT_CODES["config-invalid"], "config invalid"],
  [EXIT_CODES.unsupported, "the kernel lacks what this needs"],
  [EXIT_CODES["not-permitted"], "not permitted"],
  [EXIT_CODES.busy, "another run holds the lock"],
  [EXIT_CODES["kernel-refused"], "the kernel refused a change"],
  [EXIT_CODES.bug, "a bug in lb"],
];

/** Width of the left one of two columns. */
const COLUMN = 27;

/** The same in two columns, for help. */
export function exitCodeTable(): string {
  const cells = EXIT_MEANINGS.map(([code, meaning]) => `${`${code}`.padEnd(4)}${meaning}`);
  const half = Math.floor(cells.length / 2);
  const [left, right] = [cells.slice(0, half), cells.slice(half)];
  return right.map((cell, row) => `  ${(left[row] ?? "").padEnd(COLUMN)}${cell}`).join("\n");
}
