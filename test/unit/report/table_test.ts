import assert from "node:assert/strict";
import fc from "fast-check";
import stringWidth from "fast-string-width";
import { columns, painter } from "../../../lib/report/table.ts";

const plain = painter(false);
const coloured = painter(true);

Deno.test("columns are as wide as their widest cell, and the last one is not padded", () => {
  const rows = [["a", "1", "x"], ["long", "22", "yy"], ["b", "333", ""]];
  assert.equal(columns(rows), ["a     1    x", "long  22   yy", "b     333"].join("\n"));
});

Deno.test("no rows are no text", () => {
  assert.equal(columns([]), "");
});

Deno.test("rows may have cells less or more than others", () => {
  assert.equal(columns([["a"], ["bb", "c"], ["d", "e", "f"]]), "a\nbb  c\nd   e  f");
});

/** Cells with how many places a terminal gives them. */
const WIDE = [
  ["web", 3],
  ["東京", 4],
  ["é", 1],
  ["e\u0301", 1],
  ["👩‍💻", 2],
  ["…", 1],
  ["", 0],
] as const;

Deno.test("what stands behind a wide character is in line with the rest", () => {
  const lines = columns(WIDE.map(([cell]) => [cell, "|"])).split("\n");
  for (const [index, [cell, width]] of WIDE.entries()) {
    assert.equal(lines[index], `${cell}${" ".repeat(4 - width)}  |`);
  }
});

Deno.test("a colour takes no place", () => {
  const [first, second] = columns([[coloured("ab", "red"), "|"], ["abc", "|"]]).split("\n");
  assert.equal(first, "\x1b[31mab\x1b[0m   |");
  assert.equal(second, "abc  |");
});

Deno.test("text is coloured only where colour is wanted", () => {
  assert.equal(plain("ab", "red"), "ab");
  const codes = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33 } as const;
  for (const style of ["bold", "dim", "red", "green", "yellow"] as const) {
    assert.equal(coloured("ab", style), `\x1b[${codes[style]}mab\x1b[0m`);
  }
});

Deno.test("whatever the cells, the second column begins in the same place in every row", () => {
  const cell = fc.oneof(
    fc.string({ unit: "grapheme-ascii", maxLength: 12 }),
    fc.constantFrom(...WIDE.map(([text]) => text)),
  ).map((text) => text.trim());
  fc.assert(fc.property(fc.array(cell, { minLength: 1, maxLength: 8 }), (cells) => {
    const lines = columns(cells.map((text) => [text, "|"])).split("\n");
    const starts = lines.map((line) => stringWidth(line.slice(0, line.lastIndexOf("|"))));
    assert.equal(new Set(starts).size, 1);
  }));
});
