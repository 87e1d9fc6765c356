import assert from "node:assert/strict";
import fc from "fast-check";
import { abbaRounds } from "../../bench/order.ts";
import { differenceSpread, median, ratioSpread, spread } from "../../bench/statistics.ts";

const VALUES = fc.array(fc.integer({ min: 1, max: 1_000_000 }), { minLength: 1, maxLength: 30 });

Deno.test("the median is the middle value, or the mean of the two in the middle", () => {
  assert.equal(median([30, 1, 2]), 2);
  assert.equal(median([4, 1, 30, 2]), 3);
  assert.equal(median([5]), 5);
  // By size, not by spelling.
  assert.equal(median([100, 20, 3]), 20);
});

Deno.test("as many values are at or below the median as at or above it", () => {
  fc.assert(fc.property(VALUES, (values) => {
    const middle = median(values);
    const half = values.length / 2;
    assert.ok(values.filter((value) => value <= middle).length >= half);
    assert.ok(values.filter((value) => value >= middle).length >= half);
  }));
});

Deno.test("nothing has no median", () => {
  assert.throws(() => median([]), RangeError);
  assert.throws(() => spread([]), RangeError);
  assert.throws(() => ratioSpread([], []), RangeError);
});

Deno.test("a spread goes from the lowest to the highest, and leaves the values as they were", () => {
  const values = [3, 10, 2, 7];
  assert.deepEqual(spread(values), { median: 5, min: 2, max: 10, count: 4 });
  assert.deepEqual(values, [3, 10, 2, 7]);
});

Deno.test("ratios are taken pair by pair: a slow while that hits both of a pair leaves no trace", () => {
  const fast = [100, 50, 200, 10];
  const half = fast.map((value) => value / 2);
  assert.deepEqual(ratioSpread(half, fast), { median: 0.5, min: 0.5, max: 0.5, count: 4 });
  // The ratio of the medians would be 1.
  assert.equal(ratioSpread([10, 20, 30], [30, 20, 10]).median, 1);
  assert.equal(ratioSpread([90, 10, 20], [100, 20, 10]).median, 0.9);
});

Deno.test("the ratio turned around is the reverse of the ratio", () => {
  fc.assert(fc.property(VALUES, (values) => {
    const others = values.map((value, index) => value + index);
    const [there, back] = [ratioSpread(values, others), ratioSpread(others, values)];
    assert.ok(Math.abs(there.min * back.max - 1) < 1e-9);
    assert.ok(Math.abs(there.max * back.min - 1) < 1e-9);
  }));
});

Deno.test("what does not pair up, or divides by 0, is refused", () => {
  assert.throws(() => ratioSpread([1, 2], [1]), RangeError);
  assert.throws(() => differenceSpread([1], [1, 2]), RangeError);
  assert.throws(() => ratioSpread([1, 2], [1, 0]), RangeError);
});

Deno.test("differences are those of pairs", () => {
  assert.deepEqual(differenceSpread([11, 22, 33], [1, 2, 3]), {
    ...{ median: 20, min: 10, max: 30, count: 3 },
  });
});

Deno.test("each round turns the order of the last one around", () => {
  assert.deepEqual(abbaRounds(["a", "b", "c"], 3), [
    ["a", "b", "c"],
    ["c", "b", "a"],
    ["a", "b", "c"],
  ]);
  assert.deepEqual(abbaRounds(["a"], 0), []);
});
