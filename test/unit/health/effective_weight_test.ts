import assert from "node:assert/strict";
import fc from "fast-check";
import { effectiveWeight } from "../../../lib/health/effective_weight.ts";
import { slowStart } from "../../../lib/health/slow_start.ts";

Deno.test("who may have connections keeps some weight, and who may not has none", () => {
  const factors = { slow_start: fc.double({ min: 0.1, max: 1, noNaN: true }) };
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 65_535 }), factors.slow_start, (weight, slow_start) => {
      assert.ok(effectiveWeight(weight, { slow_start }) >= 1);
      assert.ok(effectiveWeight(weight, { slow_start }) <= weight);
      assert.equal(effectiveWeight(weight, { slow_start, isAble: false }), 0);
      assert.equal(effectiveWeight(0, { slow_start }), 0);
    }),
  );
});

Deno.test("without anything to say the weight is the configured one; factors multiply", () => {
  assert.equal(effectiveWeight(100, {}), 100);
  assert.equal(effectiveWeight(100, { slow_start: 0.3 }), 30);
  assert.equal(effectiveWeight(100, { slow_start: 0.5, load: 2 ** 0.25 }), 59.5);
});

Deno.test("a slow start grows in ten steps from a tenth to all", () => {
  const at = (age_ms: number) => slowStart(1_000, 30_000, 1_000 + age_ms);
  assert.deepEqual([0, 3_333, 3_334, 15_000, 29_999, 30_000].map(at), [0.1, 0.1, 0.2, 0.5, 0.9, 1]);
  const steps = new Set(Array.from({ length: 301 }, (_, index) => at(index * 100)));
  assert.equal(steps.size, 10);
});

Deno.test("nothing grows that never fell, nor where no time is given, nor after the clock was put back", () => {
  assert.equal(slowStart(null, 30_000, 5), 1);
  assert.equal(slowStart(4, 0, 5), 1);
  assert.equal(slowStart(6, 30_000, 5), 1);
});
