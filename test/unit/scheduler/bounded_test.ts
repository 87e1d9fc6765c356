import assert from "node:assert/strict";
import fc from "fast-check";
import { capacityOf, pickAlong } from "../../../lib/scheduler/bounded.ts";
import { maglevSize, maglevTable } from "../../../lib/scheduler/maglev.ts";
import type { Pool } from "../../../lib/scheduler/pool.ts";
import { Active, newPick, poolOf } from "./pools.ts";

/** Slots of a Maglev table as indices into a pool of these weights. */
function slotsOf(weights: readonly number[], gone?: number): Uint16Array {
  const backends = weights.map((weight, index) => ({
    id: index + 1,
    name: `192.0.2.${index + 1}|80`,
    weight: index === gone ? 0 : weight,
  }));
  return Uint16Array.from(
    maglevTable(backends, maglevSize(weights.length)),
    (id) => id - 1,
  );
}

const WEIGHTS = fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 2, maxLength: 12 });
const BOUND = fc.constantFrom(0.1, 0.25, 0.5, 1);

Deno.test("capacityOf: the share of all by weight and the bound, rounded up", () => {
  assert.equal(capacityOf(0.25, 100, 1, 10), 13);
  assert.equal(capacityOf(0.25, 1, 1, 10), 1);
  assert.equal(capacityOf(0.1, 100, 100, 1000), 11, "a whole number is not rounded to the next");
});

Deno.test("pickAlong: without bound and limits it is the hashed slot's backend", () => {
  const slots = slotsOf([100, 200, 300]);
  const [pool, active, pick] = [poolOf([100, 200, 300]), new Active(3, [9, 0, 0]), newPick()];
  for (let slot = 0; slot < slots.length; slot += 37) {
    assert.ok(pickAlong(slots, slot, 0, pool, active, pick));
    assert.equal(pick.index, slots[slot]);
  }
});

Deno.test("pickAlong: who is at its limit is passed over for the next along the slots, round the end", () => {
  const slots = Uint16Array.of(0, 1, 0, 2);
  const pool = poolOf([1, 1, 1], [2, 2, 2]);
  const pick = newPick();
  const next = (counts: number[], slot: number) =>
    pickAlong(slots, slot, 0, pool, new Active(3, counts), pick) ? pick.index : undefined;
  assert.equal(next([2, 1, 1], 0), 1);
  assert.equal(next([2, 2, 1], 0), 2);
  assert.equal(next([1, 2, 2], 3), 0);
  assert.equal(next([2, 2, 2], 1), undefined);
  assert.equal(pickAlong(new Uint16Array(), 0, 0, poolOf([]), new Active(0), pick), false);
});

Deno.test("pickAlong: who alone has room is found, however small its share; and nobody, without looking at every slot", () => {
  const weights = [...new Array<number>(50).fill(65_535), 1];
  const slots = slotsOf(weights);
  const pool = poolOf(weights, weights.map(() => 1));
  const counts = new Active(0, weights.map((_, index) => index === 50 ? 0 : 1));
  let looks = 0;
  const watched = { activeOf: (id: number) => (looks++, counts.activeOf(id)) };
  const pick = newPick();
  for (let slot = 0; slot < slots.length; slot += 101) {
    assert.ok(pickAlong(slots, slot, 0, pool, watched, pick));
    assert.equal(pick.index, 50);
  }
  counts.counts[50] = 1;
  looks = 0;
  assert.ok(!pickAlong(slots, 0, 0, pool, watched, pick));
  assert.ok(looks < 10 * weights.length, `${looks}`);
});

/** Places connections one after the other, as many as were given, some of which end meanwhile. */
function place(
  { slots, pool, bound }: { slots: Uint16Array; pool: Pool; bound: number },
  keys: readonly number[],
  check: (active: Active, chosen: number, total: number) => void,
): void {
  const [active, pick] = [new Active(pool.ids.length), newPick()];
  const placed: number[] = [];
  for (const [step, key] of keys.entries()) {
    // Every third step one ends, of any backend.
    if (step % 3 === 2) active.counts[placed.splice(key % placed.length, 1)[0]!]!--;
    const total = active.total + 1;
    assert.ok(
      pickAlong(slots, key % slots.length, bound, pool, active, pick),
      "there is always room",
    );
    active.counts[pick.index]!++;
    placed.push(pick.index);
    check(active, pick.index, total);
  }
}

Deno.test("bounded loads: no choice takes a backend over (1 + bound) × its share of all", () => {
  fc.assert(
    fc.property(
      WEIGHTS,
      BOUND,
      fc.array(fc.nat(), { minLength: 200, maxLength: 400 }),
      (weights, bound, keys) => {
        const pool = poolOf(weights);
        const spec = { slots: slotsOf(weights), pool, bound };
        place(spec, keys, ({ counts }, chosen, total) => {
          const share = total * weights[chosen]! / pool.weight;
          assert.ok(counts[chosen]! <= Math.ceil((1 + bound) * share - 1e-9));
        });
      },
    ),
    { numRuns: 40 },
  );
});

/** Mulberry32: keys that are spread, and the same each time. */
function keysOf(count: number): number[] {
  return Array.from({ length: count }, (_, index) => {
    let key = Math.imul(index + 1, 0x6d2b79f5);
    key = Math.imul(key ^ key >>> 15, key | 1);
    return ((key ^ key + Math.imul(key ^ key >>> 7, key | 61)) ^ key >>> 14) >>> 0;
  });
}

/** Where each key goes if all come, none ends. */
function placement(slots: Uint16Array, pool: Pool, bound: number, keys: readonly number[]) {
  const [active, pick] = [new Active(pool.ids.length), newPick()];
  return keys.map((key) => {
    pickAlong(slots, key % slots.length, bound, pool, active, pick);
    active.counts[pick.index]!++;
    return pick.index;
  });
}

Deno.test("bounded loads: a bound that is far moves nobody from its hashed backend", () => {
  const weights = new Array<number>(10).fill(100);
  const slots = slotsOf(weights);
  // The first few meet bounds of one or two connections: shares are small numbers then.
  const keys = keysOf(20_000);
  const moved = placement(slots, poolOf(weights), 1, keys)
    .filter((index, at) => index !== slots[keys[at]! % slots.length]);
  assert.ok(moved.length < 100, `${moved.length} of ${keys.length}`);
});

Deno.test("bounded loads: when a backend leaves, few of the others' connections would go elsewhere", () => {
  const weights = new Array<number>(10).fill(100);
  const pool = poolOf(weights);
  const keys = keysOf(20_000);
  const before = placement(slotsOf(weights), pool, 0.25, keys);
  const serving = weights.map((weight, index) => index === 3 ? 0 : weight);
  const rest = { ...poolOf(serving), weight: 900 };
  const after = placement(slotsOf(weights, 3), rest, 0.25, keys);
  const others = keys.keys().toArray().filter((at) => before[at] !== 3);
  const moved = others.filter((at) => before[at] !== after[at]).length;
  assert.ok(!after.includes(3));
  assert.ok(moved / others.length < 0.06, `${moved} of ${others.length}`);
});

Deno.test("bounded loads: one client's flood spreads as far as it must, in the order of its slot", () => {
  const weights = [100, 100, 100, 100];
  const slots = slotsOf(weights);
  const order = [...new Set(slots)];
  const chosen = placement(slots, poolOf(weights), 0.25, new Array<number>(1_000).fill(0));
  const counts = order.map((index) => chosen.filter((one) => one === index).length);
  assert.deepEqual(counts.map((count) => count > 0), [true, true, true, true]);
  assert.ok(Math.max(...counts) <= Math.ceil(1.25 * 250), `${counts}`);
  assert.equal(chosen[0], order[0]);
  assert.ok(counts[0]! >= counts.at(-1)!, `${counts}`);
});
