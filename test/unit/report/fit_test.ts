/** Tables and lines that fit a terminal. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { type Cell, cut, fitColumns, wrapped } from "../../../lib/report/fit.ts";
import { painter, visibleWidth } from "../../../lib/report/table.ts";

const yellow = (text: string) => painter(true)(text, "yellow");

Deno.test("what fits is left as it is; what does not ends in …, within its colour", () => {
  assert.equal(cut("healthy", 7), "healthy");
  assert.equal(cut("healthy", 6), "healt…");
  assert.equal(cut(yellow("unhealthy"), 9), yellow("unhealthy"));
  assert.equal(cut(yellow("unhealthy (refused)"), 12), yellow("unhealthy…"));
  assert.equal(cut("東京都", 4), "東…");
});

Deno.test("a cut text is as wide as it may be at most, whatever it holds", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), fc.integer({ min: 1, max: 20 }), (text, width) => {
      const clean = text.replaceAll(/\p{C}/gu, "");
      assert.ok(visibleWidth(cut(clean, width)) <= width);
      assert.ok(visibleWidth(cut(yellow(clean), width)) <= width);
    }),
  );
});

const ROWS: readonly (readonly Cell[])[] = [
  ["name", "why", "count"],
  ["a", ["because of this, for long", "because of this"], "1"],
  ["bb", "so", "1000"],
];

Deno.test("a cell is spelled as long as there is room, then cut, then columns go", () => {
  const at = (width: number) =>
    fitColumns(ROWS, { width, shrink: [[1, 4]], drop: [2] }).split("\n");
  assert.equal(at(Infinity)[1], "a     because of this, for long  1");
  assert.equal(at(30)[1], "a     because of this  1");
  assert.equal(at(20)[1], "a     becaus…  1");
  assert.equal(at(12)[1], "a     becau…");
  assert.equal(at(5)[1], "a…");
});

Deno.test("no line is wider than the terminal", () => {
  const cell = fc.string({ unit: "grapheme-ascii", maxLength: 30 });
  const rows = fc.array(fc.array(cell, { minLength: 4, maxLength: 4 }), {
    minLength: 1,
    maxLength: 5,
  });
  fc.assert(fc.property(rows, fc.integer({ min: 1, max: 200 }), (rows, width) => {
    const text = fitColumns(rows, { width, shrink: [[1, 8], [0, 6]], drop: [3] });
    for (const line of text.split("\n")) {
      assert.ok(visibleWidth(line) <= width, `${width}: ${line}`);
    }
  }));
});

Deno.test("words go to the next line, indented; nothing is lost", () => {
  assert.deepEqual(wrapped("! one two three", 9), ["! one two", "  three"]);
  assert.deepEqual(wrapped("  ! one two", 8), ["  ! one", "    two"]);
  assert.deepEqual(wrapped("one two", Infinity), ["one two"]);
  const words = fc.array(fc.stringMatching(/^[a-z]{1,30}$/), { minLength: 1, maxLength: 12 });
  fc.assert(fc.property(words, fc.integer({ min: 5, max: 60 }), (words, width) => {
    const lines = wrapped(words.join(" "), width);
    for (const line of lines) assert.ok(visibleWidth(line) <= width, `${width}: ${line}`);
    assert.equal(lines.join("").replaceAll(" ", ""), words.join(""));
  }));
});
