/** Tables and lines that fit a terminal. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { textWidth } from "../../../lib/model/width.ts";
import { type Cell, fitColumns } from "../../../lib/report/fit.ts";
import { painter } from "../../../lib/report/table.ts";

const yellow = (text: string) => painter(true)(text, "yellow");

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

Deno.test("a remark that goes at once leaves no bracket, in colours neither", () => {
  const at = (cell: Cell) => fitColumns([[cell]], { width: 12, shrink: [], drop: [] });
  assert.equal(at("unhealthy (refused)"), "unhealthy…");
  assert.equal(at(yellow("unhealthy (refused)")), yellow("unhealthy…"));
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
      assert.ok(textWidth(line) <= width, `${width}: ${line}`);
    }
  }));
});
