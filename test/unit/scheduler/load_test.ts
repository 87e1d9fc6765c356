import assert from "node:assert/strict";
import fc from "fast-check";
import type { LoadReading } from "../../../lib/model/load.ts";
import {
  costOfConnections,
  costOfFigure,
  costOfTime,
  type Loaded,
  loadFactors,
  smoothed,
} from "../../../lib/scheduler/load.ts";

/** Factors for backends of these readings, weights and factors, in their order; 0 of one that has none. */
function factors(
  rows: readonly (readonly [reading?: LoadReading, weight?: number, factor?: number])[],
): number[] {
  const loaded = rows.map(([reading, weight = 1, factor], id): Loaded => {
    return { id, weight, reading, factor };
  });
  const found = loadFactors(loaded);
  return loaded.map(({ id }) => found.get(id) ?? 0);
}

const counted = (active: number, factor = 1) => costOfConnections(active, 1, factor);
const ratio = ([first = 0, second = 0]: readonly number[]) => first / second;

Deno.test("where loads are alike, nothing moves", () => {
  assert.deepEqual(factors([[counted(100)], [counted(104)], [counted(96)]]), [1, 1, 1]);
  assert.deepEqual(factors([[costOfTime(30)], [costOfTime(31)]]), [1, 1]);
});

Deno.test("who costs more gets less, by what it costs", () => {
  const [first, second] = factors([[counted(200)], [counted(100)]]);
  assert.ok(Math.abs(first! / second! - 104 / 204) < 0.01, `${first} ${second}`);
  assert.ok(Math.abs(ratio(factors([[costOfTime(58)], [costOfTime(28)]])) - 0.5) < 1e-9);
  const asked = (percent: number) => costOfFigure({ kind: "share", value: percent / 100 }, 1);
  assert.ok(Math.abs(ratio(factors([[asked(50)], [asked(75)]])) - 50 / 75) < 1e-9);
  assert.ok(factors([[asked(0)], [asked(100)]])[0]! > 0, "who wants nothing keeps a little");
});

Deno.test("a load that comes of a small share is not taken for a small cost", () => {
  // Half the weight and half the connections: it is as fast as the other.
  assert.deepEqual(costOfConnections(50, 1, 0.5), {
    ...costOfConnections(100, 1, 1),
    noise: costOfConnections(50, 1, 0.5).noise,
  });
  assert.deepEqual(
    costOfFigure({ kind: "load", value: 0.2 }, 0.5),
    costOfFigure({ kind: "load", value: 0.4 }, 1),
  );
});

Deno.test("a few connections are no load", () => {
  assert.deepEqual(factors([[counted(1)], [counted(0)]]), [1, 1]);
  assert.deepEqual(factors([[counted(0)], [counted(0)]]), [1, 1]);
});

Deno.test("who has no reading counts as average, and one without weight is none of the others' business", () => {
  assert.deepEqual(factors([[undefined], [counted(100)], [counted(100)]]), [1, 1, 1]);
  const [unread, slow, quick] = factors([[], [counted(200)], [counted(50)]]);
  assert.ok(unread === 1 && slow! < 1 && quick! > 1);
  assert.deepEqual(factors([[counted(5000), 0], [counted(100)], [counted(100)]]), [0, 1, 1]);
  assert.equal(loadFactors([{ id: 1, weight: 0, reading: counted(9) }]).size, 0);
});

Deno.test("at rest nothing is written: less than the tolerance is no reason, and nearly even becomes even", () => {
  const [low, high] = [Math.exp(-0.05), Math.exp(0.05)];
  const alike = [{ cost: 0.09, noise: 0 }, { cost: 0, noise: 0 }] as const;
  assert.deepEqual(factors([[alike[0], 1, low], [alike[1], 1, high]]), [low, high]);
  const same = { cost: 3, noise: 0 };
  assert.deepEqual(factors([[same, 1, low], [same, 1, high]]), [1, 1]);
});

const reading = fc.record({
  cost: fc.double({ min: -10, max: 15, noNaN: true }),
  noise: fc.double({ min: 0, max: 1, noNaN: true }),
});

Deno.test("a factor stays between an eighth and eight, and at one look moves by two fifths at most", () => {
  const row = fc.record({
    reading: fc.option(reading, { nil: undefined }),
    weight: fc.integer({ min: 0, max: 65_535 }),
    log: fc.double({ min: -Math.log(8), max: Math.log(8), noNaN: true }),
  });
  fc.assert(
    fc.property(fc.array(row, { maxLength: 20 }), (rows) => {
      const loaded = rows.map(({ log, ...one }, id) => ({ ...one, id, factor: Math.exp(log) }));
      for (const [id, factor] of loadFactors(loaded)) {
        const before = loaded[id]!.factor;
        assert.ok(factor >= 1 / 8 - 1e-9 && factor <= 8 + 1e-9, `${factor}`);
        assert.ok(Math.abs(Math.log(factor / before)) <= 0.35 + 1e-9, `${before} ${factor}`);
      }
    }),
  );
});

Deno.test("what is known moves towards what is read, and never past it", () => {
  fc.assert(
    fc.property(reading, reading, (known, now) => {
      const { cost } = smoothed(known, now);
      assert.ok(cost >= Math.min(known.cost, now.cost) && cost <= Math.max(known.cost, now.cost));
    }),
  );
  assert.deepEqual(smoothed(undefined, counted(5)), counted(5));
});

Deno.test("one odd reading among many even ones moves hardly anything", () => {
  const usual = costOfTime(30);
  const { cost } = smoothed(smoothed(usual, costOfTime(90)), usual);
  assert.ok(Math.exp(cost - usual.cost) < 1.3, `${Math.exp(cost - usual.cost)}`);
});
