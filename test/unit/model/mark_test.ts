import assert from "node:assert/strict";
import fc from "fast-check";
import {
  DEFAULT_MARK_MASK,
  fitsMark,
  idOfMark,
  MARK_BITS_MIN,
  markLayout,
  markOfId,
} from "../../../lib/model/mark.ts";

const masks = fc.integer({ min: MARK_BITS_MIN, max: 32 }).chain((bits) =>
  fc.integer({ min: 0, max: 32 - bits }).map((shift) => (2 ** bits - 1) * 2 ** shift)
);

Deno.test("markLayout: the default has ids in bits 8 to 22 and the flag in bit 23", () => {
  assert.deepEqual(markLayout(DEFAULT_MARK_MASK), {
    mask: 0x00ffff00,
    shift: 8,
    idMax: 0x7fff,
    flag: 0x00800000,
  });
});

Deno.test("markLayout: gaps and too few bits are no layout", () => {
  for (const mask of [0, 0xff, 0xff00, 0xff0f00, 0x80000001, 0xfffffffd]) {
    assert.equal(markLayout(mask), undefined, mask.toString(16));
  }
});

Deno.test("marks: every id comes back, stays inside the mask and clear of the flag", () => {
  fc.assert(
    fc.property(masks, fc.nat(), fc.integer({ min: 0, max: 0xffffffff }), (mask, pick, noise) => {
      const layout = markLayout(mask)!;
      const id = pick % layout.idMax + 1;
      const mark = markOfId(layout, id);
      assert.equal((mark & ~mask) >>> 0, 0);
      assert.equal((mark & layout.flag) >>> 0, 0);
      const others = (noise & ~mask) >>> 0;
      assert.equal(idOfMark(layout, (mark | others) >>> 0), id);
      assert.equal(idOfMark(layout, (mark | others | layout.flag) >>> 0), id);
      assert.equal(idOfMark(layout, others), 0);
    }),
  );
});

Deno.test("marks: the largest number stands for itself and all larger ids, and for none of them alone", () => {
  const layout = markLayout(0x1ff)!;
  assert.deepEqual([253, 254, 255, 256, 0xff_ffff].map((id) => fitsMark(layout, id)), [
    ...[true, true],
    ...[false, false, false],
  ]);
  for (const id of [255, 256, 0xff_ffff]) assert.equal(idOfMark(layout, markOfId(layout, id)), 255);
  assert.equal(markOfId(layout, 256) & layout.flag, 0);
});
