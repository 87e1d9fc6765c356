import assert from "node:assert/strict";
import fc from "fast-check";
import { type DiffLine, diffLines, linesOf, unifiedDiff } from "../../../lib/report/diff.ts";

/** Few different lines, so that many are equal; sometimes without a newline at the end. */
const TEXT = fc.tuple(
  fc.array(fc.constantFrom("a\n", "b\n", "c\n", "\n"), { maxLength: 14 }),
  fc.constantFrom("", "a", "d"),
).map(([lines, end]) => lines.join("") + end);

function side(lines: readonly DiffLine[], without: "+" | "-"): string {
  return lines.filter(({ kind }) => kind !== without).map(({ text }) => text).join("");
}

/** Length of the longest common subsequence, by the plain table. */
function commonLines(a: readonly string[], b: readonly string[]): number {
  let above = new Array<number>(b.length + 1).fill(0);
  for (const one of a) {
    const row = [0];
    b.forEach((other, at) =>
      row.push(one === other ? above[at]! + 1 : Math.max(above[at + 1]!, row[at]!))
    );
    above = row;
  }
  return above.at(-1)!;
}

Deno.test("a comparison holds both texts, by the least edits", () => {
  fc.assert(fc.property(TEXT, TEXT, (before, after) => {
    const lines = diffLines(linesOf(before), linesOf(after));
    assert.equal(side(lines, "+"), before);
    assert.equal(side(lines, "-"), after);
    const kept = lines.filter(({ kind }) => kind === " ").length;
    assert.equal(kept, commonLines(linesOf(before), linesOf(after)));
  }));
});

Deno.test("where it takes too many edits the texts are whole all the same", () => {
  fc.assert(fc.property(TEXT, TEXT, fc.nat(6), (before, after, editsMax) => {
    const lines = diffLines(linesOf(before), linesOf(after), editsMax);
    assert.equal(side(lines, "+"), before);
    assert.equal(side(lines, "-"), after);
  }));
});

Deno.test("equal texts have no differences", () => {
  assert.deepEqual(unifiedDiff("", ""), []);
  assert.deepEqual(unifiedDiff("a\nb", "a\nb"), []);
});

Deno.test("changes are shown with three lines around, as diff -u shows them", async () => {
  const numbers = Array.from({ length: 40 }, (_, index) => `${index}\n`);
  const pairs = [
    [numbers.join(""), numbers.with(20, "twenty\n").toSpliced(2, 1).join("")],
    [numbers.join(""), numbers.toSpliced(10, 0, "new\n").toSpliced(17, 1).join("")],
    ["", "a\nb\n"],
    ["a\nb\n", ""],
    ["a\nb", "a\nb\n"],
    ["a\r\nb\n", "a\nb\n"],
    ["one\n", "two"],
  ] as const;
  for (const [before, after] of pairs) {
    assert.deepEqual(unifiedDiff(before, after), await diffProgram(before, after));
  }
});

/** What diff(1) says, without the names of the files. */
async function diffProgram(before: string, after: string): Promise<string[]> {
  const folder = Deno.makeTempDirSync({ prefix: `lb-diff-${Deno.pid}-` });
  try {
    Deno.writeTextFileSync(`${folder}/a`, before);
    Deno.writeTextFileSync(`${folder}/b`, after);
    const args = ["-u", "--minimal", "a", "b"];
    const { stdout } = await new Deno.Command("diff", { args, cwd: folder }).output();
    return new TextDecoder().decode(stdout).split("\n").slice(2, -1);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

Deno.test("two configs of 60,000 lines that differ here and there are compared in no time", () => {
  const before = Array.from({ length: 60_000 }, (_, index) => `line ${index}\n`);
  const after = before.with(5, "x\n").with(59_000, "y\n").toSpliced(30_000, 10);
  const start_ms = performance.now();
  assert.equal(diffLines(before, after).filter(({ kind }) => kind !== " ").length, 14);
  const other = before.map((line) => `# ${line}`);
  assert.equal(diffLines(before, other).length, 120_000);
  assert.ok(performance.now() - start_ms < 3_000, `${performance.now() - start_ms} ms`);
});
