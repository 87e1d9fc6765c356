import assert from "node:assert/strict";
import fc from "fast-check";
import {
  interleave,
  INTERLEAVE_SLOTS_MAX,
  type Weighted,
} from "../../../lib/scheduler/interleave.ts";

function entriesOf(weights: readonly number[]): Weighted[] {
  return weights.map((weight, index) => ({ id: index + 1, weight }));
}

function countsOf(slots: readonly number[]): Map<number, number> {
  const counts = new Map<number, number>();
  for (const id of slots) counts.set(id, (counts.get(id) ?? 0) + 1);
  return counts;
}

function sum(weights: readonly number[]): number {
  return weights.reduce((total, weight) => total + weight, 0);
}

/** Cycles short enough that nothing is rounded. */
const small = fc.array(fc.integer({ min: 0, max: 120 }), { maxLength: 24 });

/** Anything the configuration allows. */
const any = fc.array(fc.integer({ min: 0, max: 65_535 }), { maxLength: 40 });

Deno.test("interleave: the classic 5:1:1 comes without a burst", () => {
  assert.deepEqual(interleave(entriesOf([5, 1, 1])), [1, 1, 2, 1, 3, 1, 1]);
});

Deno.test("interleave: weights that share a divisor make a short cycle", () => {
  assert.deepEqual(interleave(entriesOf([300, 100])), [1, 1, 2, 1]);
  assert.deepEqual(interleave(entriesOf([65_535, 65_535])), [1, 2]);
});

Deno.test("interleave: nobody, or nobody with a weight, makes no slots", () => {
  assert.deepEqual(interleave([]), []);
  assert.deepEqual(interleave(entriesOf([0, 0])), []);
});

Deno.test("interleave: in a cycle everybody has exactly its share, weight 0 none", () => {
  fc.assert(fc.property(small, (weights) => {
    const slots = interleave(entriesOf(weights));
    const counts = countsOf(slots);
    for (const [index, weight] of weights.entries()) {
      assert.equal((counts.get(index + 1) ?? 0) * sum(weights), weight * slots.length);
    }
  }));
});

Deno.test("interleave: nowhere in a cycle is anybody two connections ahead of or behind its share", () => {
  fc.assert(fc.property(small, (weights) => {
    const slots = interleave(entriesOf(weights));
    const seen = new Map<number, number>();
    for (const [index, id] of slots.entries()) {
      const share = weights[id - 1]! / sum(weights);
      const before = seen.get(id) ?? 0;
      // 1.54 was the most that a search for bad weights has found.
      assert.ok(before - share * index > -2, `${id} is behind at ${index}`);
      assert.ok(before + 1 - share * (index + 1) < 2, `${id} is ahead at ${index}`);
      seen.set(id, before + 1);
    }
  }));
});

Deno.test("interleave: nobody waits three times as long as its share says", () => {
  fc.assert(fc.property(small, (weights) => {
    const slots = interleave(entriesOf(weights));
    for (const id of new Set(slots)) {
      const cycle = [...slots, ...slots];
      const places = cycle.flatMap((other, index) => other === id ? [index] : []);
      const fair = slots.length / (places.length / 2);
      for (const [index, place] of places.slice(1).entries()) {
        assert.ok(place - places[index]! < 3 * fair, `${id} at ${place}`);
      }
    }
  }));
});

Deno.test("interleave: the order of the entries changes nobody's share", () => {
  fc.assert(fc.property(any, fc.integer(), (weights, turn) => {
    const entries = entriesOf(weights);
    const at = Math.abs(turn) % (entries.length || 1);
    const turned = [...entries.slice(at), ...entries.slice(0, at)];
    assert.deepEqual(
      [...countsOf(interleave(turned))].sort(),
      [...countsOf(interleave(entries))].sort(),
    );
  }));
});

Deno.test("interleave: a cycle stays bounded, nobody is starved, shares stay near and in order", () => {
  fc.assert(fc.property(any, (weights) => {
    const slots = interleave(entriesOf(weights));
    assert.ok(slots.length <= INTERLEAVE_SLOTS_MAX);
    const counts = countsOf(slots);
    const spare = INTERLEAVE_SLOTS_MAX - weights.length;
    for (const [index, weight] of weights.entries()) {
      const count = counts.get(index + 1) ?? 0;
      assert.equal(count > 0, weight > 0);
      if (weight === 0) continue;
      const error = Math.abs(count / slots.length - weight / sum(weights));
      assert.ok(error <= weights.length / spare, `${count} of ${slots.length} for ${weight}`);
      for (const [other, lighter] of weights.entries()) {
        if (lighter <= weight) assert.ok((counts.get(other + 1) ?? 0) <= count);
      }
    }
  }));
});

Deno.test("interleave: more backends than slots still get one each", () => {
  const slots = interleave(entriesOf(Array.from({ length: 5000 }, (_, index) => index + 1)));
  assert.equal(new Set(slots).size, 5000);
});
