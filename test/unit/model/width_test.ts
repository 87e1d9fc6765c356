/** What a terminal makes of a text. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { cut, textWidth, wrapped } from "../../../lib/model/width.ts";
import { painter } from "../../../lib/report/table.ts";

const yellow = (text: string) => painter(true)(text, "yellow");

Deno.test("what fits is left as it is; what does not ends in …, within its colour", () => {
  assert.equal(cut("healthy", 7), "healthy");
  assert.equal(cut("healthy", 6), "healt…");
  assert.equal(cut(yellow("unhealthy"), 9), yellow("unhealthy"));
  assert.equal(cut(yellow("unhealthy refused"), 12), yellow("unhealthy r…"));
  assert.equal(cut("東京都", 4), "東…");
});

Deno.test("a cut text is as wide as it may be at most, whatever it holds", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), fc.integer({ min: 1, max: 20 }), (text, width) => {
      const clean = text.replaceAll(/\p{C}/gu, "");
      assert.ok(textWidth(cut(clean, width)) <= width);
      assert.ok(textWidth(cut(yellow(clean), width)) <= width);
    }),
  );
});

Deno.test("words go to the next line, indented; nothing is lost", () => {
  assert.deepEqual(wrapped("! one two three", 9, "  "), ["! one two", "  three"]);
  assert.deepEqual(wrapped("  ! one two", 8, "  "), ["  ! one", "    two"]);
  assert.deepEqual(wrapped("one two", Infinity), ["one two"]);
  assert.deepEqual(wrapped("see abcdefghijkl now", 8), ["see", "abcdefgh", "ijkl now"]);
  assert.deepEqual(wrapped("abcdefgh of", 9, "  "), ["abcdefgh", "  of"]);
  const words = fc.array(fc.stringMatching(/^[a-z]{1,30}$/), { minLength: 1, maxLength: 12 });
  fc.assert(fc.property(words, fc.integer({ min: 5, max: 60 }), (words, width) => {
    const lines = wrapped(words.join(" "), width, "  ");
    for (const line of lines) assert.ok(textWidth(line) <= width, `${width}: ${line}`);
    assert.equal(lines.join("").replaceAll(" ", ""), words.join(""));
  }));
});
