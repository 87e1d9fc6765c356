import assert from "node:assert/strict";
import fc from "fast-check";
import { type MaglevBackend, maglevSize, maglevTable } from "../../../lib/scheduler/maglev.ts";

/** Names as backendKey() makes them, neighbours as often as strangers. */
const names = fc.oneof(
  fc.tuple(fc.integer({ min: 0, max: 255 }), fc.integer({ min: 1, max: 254 }))
    .map(([net, host]) => `198.51.${net}.${host}|8080`),
  fc.integer({ min: 1, max: 0xffff }).map((host) => `2001:db8:b::${host.toString(16)}|`),
);

function backends(count: { min: number; max: number }, weight: fc.Arbitrary<number>) {
  return fc.uniqueArray(fc.record({ name: names, weight }), {
    minLength: count.min,
    maxLength: count.max,
    selector: ({ name }) => name,
  }).map((list) => list.map((one, index): MaglevBackend => ({ ...one, id: index + 1 })));
}

const equal = fc.constant(100);
const weights = fc.integer({ min: 1, max: 100 });

function countOf(table: readonly number[], id: number): number {
  return table.filter((other) => other === id).length;
}

/** Slots that changed hands although their backend is still there. */
function movedBeside(before: readonly number[], after: readonly number[], gone: number): number {
  return before.filter((id, slot) => id !== gone && id !== after[slot]).length;
}

Deno.test("maglev: table sizes are primes of which 3 does not divide the number before", () => {
  const sizes = new Set([1, 40, 41, 100, 101, 655, 10_000].map(maglevSize));
  assert.equal(sizes.size, 3);
  for (const size of sizes) {
    for (let divisor = 2; divisor * divisor <= size; divisor++) assert.notEqual(size % divisor, 0);
    assert.notEqual((size - 1) % 3, 0);
  }
});

Deno.test("maglev: the table has more than 100 slots per backend, up to 655 of them", () => {
  for (let backends = 0; backends <= 655; backends++) {
    assert.ok(maglevSize(backends) > 100 * backends, `${backends}`);
  }
});

Deno.test("maglev: nobody, or nobody with a weight, makes no table", () => {
  assert.deepEqual(maglevTable([], 4091), []);
  assert.deepEqual(maglevTable([{ id: 1, name: "a", weight: 0 }], 4091), []);
});

Deno.test("maglev: one backend has every slot", () => {
  const table = maglevTable([{ id: 7, name: "198.51.100.1|80", weight: 3 }], 4091);
  assert.deepEqual(new Set(table), new Set([7]));
  assert.equal(table.length, 4091);
});

Deno.test("maglev: everybody's share is within a slot per backend of its weight, weight 0 has none", () => {
  const mixed = fc.oneof({ weight: 4, arbitrary: weights }, {
    weight: 1,
    arbitrary: fc.constant(0),
  });
  fc.assert(
    fc.property(backends({ min: 1, max: 40 }, mixed), (list) => {
      const size = maglevSize(list.length);
      const table = maglevTable(list, size);
      const total = list.reduce((sum, { weight }) => sum + weight, 0);
      if (total === 0) return assert.deepEqual(table, []);
      assert.equal(table.length, size);
      for (const { id, weight } of list) {
        const count = countOf(table, id);
        if (weight === 0) assert.equal(count, 0);
        assert.ok(Math.abs(count - weight / total * size) <= list.length, `${id}: ${count}`);
      }
    }),
    { numRuns: 60 },
  );
});

Deno.test("maglev: equal weights differ by less than 1 % of a share", () => {
  fc.assert(
    fc.property(backends({ min: 10, max: 10 }, equal), (list) => {
      const table = maglevTable(list, maglevSize(10));
      for (const { id } of list) assert.ok(Math.abs(countOf(table, id) / 409.1 - 1) < 0.01);
    }),
    { numRuns: 100 },
  );
});

Deno.test("maglev: removing one of 10 moves at most 3 % of the slots beside its own", () => {
  fc.assert(
    fc.property(
      backends({ min: 10, max: 10 }, equal),
      fc.integer({ min: 1, max: 10 }),
      (list, gone) => {
        const size = maglevSize(10);
        const before = maglevTable(list, size);
        const after = maglevTable(list.filter(({ id }) => id !== gone), size);
        const moved = movedBeside(before, after, gone);
        assert.ok(moved / size <= 0.03, `${(100 * moved / size).toFixed(2)} %`);
      },
    ),
    { numRuns: 500 },
  );
});

Deno.test("maglev: the same with weights, and with up to 20 backends", () => {
  fc.assert(
    fc.property(backends({ min: 2, max: 20 }, weights), fc.nat(), (list, pick) => {
      const gone = pick % list.length + 1;
      const size = maglevSize(list.length);
      const before = maglevTable(list, size);
      const after = maglevTable(list.filter(({ id }) => id !== gone), size);
      assert.ok(movedBeside(before, after, gone) / size <= 0.03);
    }),
    { numRuns: 300 },
  );
});

Deno.test("maglev: weight 0 is the same as not being there, in a table of the same size", () => {
  fc.assert(
    fc.property(backends({ min: 2, max: 12 }, weights), (list) => {
      const quiet = list.map((one) => one.id === 1 ? { ...one, weight: 0 } : one);
      assert.deepEqual(maglevTable(quiet, 4091), maglevTable(list.slice(1), 4091));
    }),
    { numRuns: 60 },
  );
});

Deno.test("maglev: every node builds the same table, whatever order and ids it has", () => {
  fc.assert(
    fc.property(backends({ min: 1, max: 12 }, weights), fc.nat(), (list, turn) => {
      const at = turn % list.length;
      const other = [...list.slice(at), ...list.slice(0, at)].reverse()
        .map((one, index) => ({ ...one, id: 1000 + index }));
      const nameOf = (from: readonly MaglevBackend[]) => {
        const byId = new Map(from.map(({ id, name }) => [id, name]));
        return maglevTable(from, 4091).map((id) => byId.get(id));
      };
      assert.deepEqual(nameOf(other), nameOf(list));
    }),
    { numRuns: 60 },
  );
});

Deno.test("maglev: the table of three backends is the one of earlier versions", () => {
  // A change here moves connections on every load balancer that is upgraded before the others.
  const list = [11, 12, 13].map((host): MaglevBackend => ({
    id: host,
    name: `198.51.100.${host}|8080`,
    weight: 100,
  }));
  const start = maglevTable(list, 4091).slice(0, 24).join(" ");
  assert.equal(start, "11 12 13 11 12 11 11 13 11 13 11 13 13 11 13 12 13 12 13 11 11 11 12 12");
});
