import assert from "node:assert/strict";
import fc from "fast-check";
import { type Loaded, loadFactors } from "../../../lib/scheduler/load.ts";

const STEP = 2 ** (1 / 4);

/** Factors for backends of these counts, weights and factors, in their order. */
function factors(
  scheduler: "lc" | "wlc",
  rows: readonly (readonly [active: number, weight?: number, factor?: number])[],
): number[] {
  const loaded = rows.map(([active, weight = 1, factor], id): Loaded => {
    return { id, weight, active, factor };
  });
  const found = loadFactors(loaded, scheduler);
  return loaded.map(({ id }) => found.get(id) ?? 0);
}

const steps = (numbers: readonly number[]) => numbers.map((one) => Math.round(4 * Math.log2(one)));

Deno.test("where connections are as the weights, nothing moves", () => {
  assert.deepEqual(factors("wlc", [[300, 3], [100, 1]]), [1, 1]);
  assert.deepEqual(factors("lc", [[200, 3], [200, 1]]), [1, 1]);
});

Deno.test("who has more than its share gets less, and the other way round, two steps at a look", () => {
  assert.deepEqual(steps(factors("wlc", [[900], [100]])), [-2, 2]);
  assert.deepEqual(steps(factors("wlc", [[900, 1, STEP ** -2], [100, 1, STEP ** 2]])), [-3, 4]);
  assert.deepEqual(steps(factors("lc", [[300, 3], [100, 1]])), [-1, 2]);
});

Deno.test("a few connections are no load", () => {
  assert.deepEqual(factors("wlc", [[1], [0]]), [1, 1]);
  assert.deepEqual(factors("wlc", [[0], [0]]), [1, 1]);
});

Deno.test("a backend without weight gets none, and is none of the others' business", () => {
  assert.deepEqual(factors("wlc", [[5000, 0], [100], [100]]), [0, 1, 1]);
  assert.equal(loadFactors([{ id: 1, weight: 0, active: 9 }], "wlc").size, 0);
});

Deno.test("a factor stays between a quarter and four, and moves by two steps at most", () => {
  const row = fc.record({
    active: fc.nat(1_000_000),
    weight: fc.integer({ min: 0, max: 65_535 }),
    step: fc.integer({ min: -8, max: 8 }),
  });
  fc.assert(
    fc.property(fc.array(row, { maxLength: 20 }), fc.constantFrom("lc", "wlc"), (rows, how) => {
      const loaded = rows.map(({ step, ...one }, id) => ({ ...one, id, factor: STEP ** step }));
      for (const [id, factor] of loadFactors(loaded, how)) {
        assert.ok(factor >= 1 / 4 - 1e-9 && factor <= 4 + 1e-9);
        assert.ok(Math.abs(4 * Math.log2(factor) - rows[id]!.step) < 2 + 1e-9);
      }
    }),
  );
});

/**
 * A client that opens so many connections between two looks, which each backend keeps for its own time.
 *
 * @param keeps how many looks a connection lasts, by backend
 * @returns connections at each of the last looks
 */
function play(keeps: readonly number[], looks: number): number[][] {
  const active = keeps.map(() => 0);
  let now = keeps.map(() => 1);
  return Array.from({ length: looks }, () => {
    const total = now.reduce((sum, one) => sum + one, 0);
    for (const [index, keep] of keeps.entries()) {
      // Short ones are as many as come in their time, long ones pile up.
      const come = 1000 * now[index]! / total;
      active[index] = keep < 1 ? come * keep : active[index]! * (1 - 1 / keep) + come;
    }
    const rows = active.map((one, index) => [Math.round(one), 1, now[index]] as const);
    now = factors("wlc", rows);
    return active.map(Math.round);
  });
}

for (const [what, keeps] of [["short", [0.4, 0.1]], ["long", [40, 10]]] as const) {
  Deno.test(`with ${what} connections that one backend keeps four times as long, it comes to rest nearer to even`, () => {
    const last = play(keeps, 300).slice(-20);
    const slow = last.map(([count = 0]) => count);
    const swing = Math.max(...slow) / Math.min(...slow);
    assert.ok(swing < 1.15, `it swings: ${slow.join()}`);
    for (const [kept = 0, brief = 0] of last) {
      assert.ok(kept / brief < 2.6, `${kept} to ${brief}, where equal shares give four to one`);
    }
  });
}
