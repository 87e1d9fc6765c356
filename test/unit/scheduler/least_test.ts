import assert from "node:assert/strict";
import fc from "fast-check";
import { interleave } from "../../../lib/scheduler/interleave.ts";
import { pickLeast } from "../../../lib/scheduler/least.ts";
import type { Pool } from "../../../lib/scheduler/pool.ts";
import { Active, newPick, poolOf } from "./pools.ts";

function picked(pool: Pool, counts: readonly number[], start = 0): number | undefined {
  const pick = newPick();
  return pickLeast(pool, new Active(0, counts), start, pick) ? pick.index : undefined;
}

Deno.test("pickLeast: the fewest connections for the weight", () => {
  assert.equal(picked(poolOf([1, 1, 1]), [5, 3, 4]), 1);
  assert.equal(picked(poolOf([100, 300, 100]), [10, 27, 10]), 1);
  assert.equal(picked(poolOf([100, 300, 100]), [10, 31, 10]), 0);
  assert.equal(picked(poolOf([]), []), undefined);
});

Deno.test("pickLeast: among equals the first from the start on, round the end", () => {
  const pool = poolOf([1, 2, 1]);
  assert.deepEqual([0, 1, 2].map((start) => picked(pool, [1, 2, 1], start)), [0, 1, 2]);
  assert.deepEqual([0, 1, 2].map((start) => picked(pool, [1, 2, 2], start)), [0, 1, 0]);
});

Deno.test("pickLeast: who is at its limit is passed over, and nobody is chosen where all are", () => {
  const pool = poolOf([1, 1], [2, 3]);
  assert.equal(picked(pool, [1, 2]), 0);
  assert.equal(picked(pool, [2, 2]), 1);
  assert.equal(picked(pool, [2, 3]), undefined);
});

Deno.test("pickLeast: what it tells of the chosen one's connections is what it saw", () => {
  const pick = newPick();
  pickLeast(poolOf([1, 1]), new Active(0, [7, 4]), 0, pick);
  assert.deepEqual(pick, { index: 1, active: 4 });
});

Deno.test("pickLeast: no other backend has fewer connections for its weight, whatever there is", () => {
  const backend = fc.record({
    weight: fc.integer({ min: 1, max: 65535 }),
    active: fc.nat(100_000),
  });
  fc.assert(
    fc.property(fc.array(backend, { minLength: 1, maxLength: 20 }), fc.nat(), (list, seed) => {
      const index = picked(
        poolOf(list.map(({ weight }) => weight)),
        list.map(({ active }) => active),
        seed % list.length,
      )!;
      const { active, weight } = list[index]!;
      return list.every((other) => active * other.weight <= other.active * weight);
    }),
  );
});

/** Connections that begin and end, and what is sampled after each step. */
interface Simulation {
  readonly weights: readonly number[];
  readonly connections: number;
  readonly seed: number;
}

const SIMULATION: fc.Arbitrary<Simulation> = fc.record({
  weights: fc.array(fc.integer({ min: 1, max: 8 }), { minLength: 2, maxLength: 12 }),
  connections: fc.constant(3_000),
  seed: fc.integer(),
});

/** A small generator of our own: a property's counterexample has to run again. */
function uniform(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = Math.imul(state ^ state >>> 15, 0x2c1b3c6d) + 0x6d2b79f5 | 0;
    const mixed = Math.imul(state ^ state >>> 12, 0x297a2d39);
    return ((mixed ^ mixed >>> 15) >>> 0) / 2 ** 32;
  };
}

/** Places connections at a steady rate; one in four is long, so they end in no order. */
function simulate(
  { weights, connections, seed }: Simulation,
  choose: typeof pickLeast,
  sample: (active: Active, index: number) => void,
): void {
  const pool = poolOf(weights);
  const active = new Active(weights.length);
  const turns = interleave(weights.map((weight, id) => ({ id, weight })));
  const random = uniform(seed);
  const ends = new Map<number, number[]>();
  const pick = newPick();
  for (let now = 0; now < connections; now++) {
    for (const index of ends.get(now) ?? []) active.counts[index]!--;
    choose(pool, active, turns[now % turns.length]!, pick);
    active.counts[pick.index]!++;
    const lasts = random() < 0.25 ? 1_000 + random() * 1_000 : 5 + random() * 40;
    const end = now + Math.ceil(lasts);
    ends.set(end, [...ends.get(end) ?? [], pick.index]);
    sample(active, pick.index);
  }
}

Deno.test("wlc: a choice takes nobody further above the least than its one connection", () => {
  fc.assert(
    fc.property(SIMULATION, (simulation) => {
      const { weights } = simulation;
      simulate(simulation, pickLeast, ({ counts }, chosen) => {
        const load = (counts[chosen]! - 1) / weights[chosen]!;
        const others = counts.filter((_, index) => index !== chosen);
        const least = others.every((count, index) =>
          load <= count / weights.filter((_, other) => other !== chosen)[index]! + 1e-9
        );
        assert.ok(least, `${counts} for ${weights}, chosen ${chosen}`);
      });
    }),
    { numRuns: 20 },
  );
});

/** The largest difference between two backends' connections per unit of weight, at any time. */
function spread(weights: readonly number[], seed: number, choose: typeof pickLeast): number {
  let worst = 0;
  simulate({ weights, connections: 5_000, seed }, choose, ({ counts }) => {
    const loads = counts.map((count, index) => count / weights[index]!);
    worst = Math.max(worst, Math.max(...loads) - Math.min(...loads));
  });
  return worst;
}

Deno.test("wlc: with long and short connections mixed, connections per weight differ by at most one", () => {
  // Small enough that turns alone do not do it; where a weight stands for a single connection, those that end
  // at once on one side make a larger difference than the next one can mend.
  const weights = [10, 20, 40, 10, 30];
  const byTurns: typeof pickLeast = (_pool, _counts, start, into) => {
    into.index = start;
    return true;
  };
  for (let seed = 1; seed <= 10; seed++) {
    assert.ok(spread(weights, seed, pickLeast) <= 1);
    assert.ok(spread(weights, seed, byTurns) > 1);
  }
});

Deno.test("wlc: where every connection ends before the next begins, it is wrr", () => {
  const weights = [3, 1, 2];
  const pool = poolOf(weights);
  const turns = interleave(weights.map((weight, id) => ({ id, weight })));
  const chosen = [0, 0, 0];
  for (let now = 0; now < 600; now++) {
    chosen[picked(pool, [0, 0, 0], turns[now % turns.length]!)!]!++;
  }
  assert.deepEqual(chosen, [300, 100, 200]);
});
