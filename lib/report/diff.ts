/** One line of a comparison, with its newline if it has one. */
export interface DiffLine {
  /** In both, only before, only after. */
  readonly kind: " " | "-" | "+";
  readonly text: string;
}

/** Lines around a change that show where it is. */
const CONTEXT = 3;

/**
 * Edits up to which the least is looked for: time and memory grow with their square. Beyond it the
 * whole stretch between the first and the last difference is shown as replaced.
 */
const EDITS_MAX = 2_000;

/** Lines of a text, each with the newline that ends it. */
export function linesOf(text: string): string[] {
  return text.match(/[^\n]*\n|[^\n]+$/g) ?? [];
}

/**
 * The way from one list of lines to the other by the least edits.
 *
 * @param editsMax beyond this many it is found by no search
 */
export function diffLines(
  before: readonly string[],
  after: readonly string[],
  editsMax = EDITS_MAX,
): DiffLine[] {
  const head = commonStart(before, after, 0);
  const tail = commonEnd(before, after, head);
  const old = before.slice(head, before.length - tail);
  const fresh = after.slice(head, after.length - tail);
  return [
    ...marked(" ", before.slice(0, head)),
    ...search(old, fresh, editsMax) ?? [...marked("-", old), ...marked("+", fresh)],
    ...marked(" ", before.slice(before.length - tail)),
  ];
}

/** Unified diff (as of `diff -u`) without its two lines of file names; empty where the texts are equal. */
export function unifiedDiff(before: string, after: string): string[] {
  const lines = diffLines(linesOf(before), linesOf(after));
  const counts = [countsOf(lines, "+"), countsOf(lines, "-")];
  return hunks(lines).flatMap(([start, end]) => {
    const [old, fresh] = counts.map((count) => span(count[start]!, count[end]!));
    return [`@@ -${old} +${fresh} @@`, ...lines.slice(start, end).flatMap(printed)];
  });
}

function marked(kind: DiffLine["kind"], lines: readonly string[]): DiffLine[] {
  return lines.map((text) => ({ kind, text }));
}

function commonStart(a: readonly string[], b: readonly string[], from: number): number {
  const end = Math.min(a.length, b.length);
  let at = from;
  while (at < end && a[at] === b[at]) at++;
  return at;
}

function commonEnd(a: readonly string[], b: readonly string[], head: number): number {
  const most = Math.min(a.length, b.length) - head;
  let count = 0;
  while (count < most && a[a.length - 1 - count] === b[b.length - 1 - count]) count++;
  return count;
}

/**
 * Myers, "An O(ND) Difference Algorithm and Its Variations" (1986): for each number of edits, how far
 * into `a` one gets on each diagonal. Diagonal k is at index k + edits of its row.
 *
 * @returns undefined where it takes more than `editsMax` edits
 */
function search(
  a: readonly string[],
  b: readonly string[],
  editsMax: number,
): DiffLine[] | undefined {
  const rows: Int32Array[] = [];
  for (let edits = 0; edits <= editsMax; edits++) {
    const row = new Int32Array(2 * edits + 1);
    for (let k = -edits; k <= edits; k += 2) {
      const x = slide(a, b, stepTo(rows[edits - 1], edits, k), k);
      row[k + edits] = x;
      if (x >= a.length && x - k >= b.length) return retrace(a, b, rows, edits, k);
    }
    rows.push(row);
  }
  return undefined;
}

/** Along a diagonal as far as the lines are equal. */
function slide(a: readonly string[], b: readonly string[], from: number, k: number): number {
  let x = from;
  while (x < a.length && x - k < b.length && a[x] === b[x - k]) x++;
  return x;
}

/** Where one more edit gets to on diagonal k: an addition comes from k + 1, a removal from k - 1. */
function stepTo(row: Int32Array | undefined, edits: number, k: number): number {
  if (!row) return 0;
  return isAddition(row, edits, k) ? reach(row, edits, k + 1) : reach(row, edits, k - 1) + 1;
}

function isAddition(row: Int32Array, edits: number, k: number): boolean {
  return k === -edits || (k !== edits && reach(row, edits, k - 1) < reach(row, edits, k + 1));
}

function reach(row: Int32Array, edits: number, k: number): number {
  return row[k + edits - 1] ?? 0;
}

/** The way back from the end. */
function retrace(
  a: readonly string[],
  b: readonly string[],
  rows: readonly Int32Array[],
  edits: number,
  diagonal: number,
): DiffLine[] {
  const way: DiffLine[] = [];
  let x = a.length;
  let k = diagonal;
  const back = (to: number) => {
    while (x > to) way.push({ kind: " ", text: a[--x]! });
  };
  for (let left = edits; left > 0; left--) {
    const row = rows[left - 1]!;
    const added = isAddition(row, left, k);
    back(stepTo(row, left, k));
    if (added) way.push({ kind: "+", text: b[x - ++k]! });
    else {
      way.push({ kind: "-", text: a[--x]! });
      k--;
    }
  }
  back(0);
  return way.reverse();
}

/** Stretches of lines to show: each change with what is around it, joined where they touch. */
function hunks(lines: readonly DiffLine[]): [start: number, end: number][] {
  const found: [number, number][] = [];
  lines.forEach(({ kind }, at) => {
    if (kind === " ") return;
    const start = Math.max(0, at - CONTEXT);
    const end = Math.min(lines.length, at + 1 + CONTEXT);
    const last = found.at(-1);
    if (last && start <= last[1]) last[1] = end;
    else found.push([start, end]);
  });
  return found;
}

/** How many lines one of the texts has before each place of the comparison. */
function countsOf(lines: readonly DiffLine[], without: "-" | "+"): Int32Array {
  const counts = new Int32Array(lines.length + 1);
  lines.forEach(({ kind }, at) => counts[at + 1] = counts[at]! + (kind === without ? 0 : 1));
  return counts;
}

/** First line and number of lines. Where there are none, the number is that of the line before them. */
function span(before: number, upTo: number): string {
  const count = upTo - before;
  const first = count === 0 ? before : before + 1;
  return count === 1 ? `${first}` : `${first},${count}`;
}

function printed({ kind, text }: DiffLine): string[] {
  if (text.endsWith("\n")) return [kind + text.slice(0, -1)];
  return [kind + text, "\\ No newline at end of file"];
}
