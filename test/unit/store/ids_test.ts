import assert from "node:assert/strict";
import fc from "fast-check";
import {
  allocateIds,
  type BackendName,
  type BackendRow,
  foldCounter,
} from "../../../lib/store/ids.ts";
import { inStore } from "./folder.ts";

const named = (...backends: string[]): BackendName[] =>
  backends.map((backend) => ({ service: "web", backend }));

const idOf = (rows: readonly BackendRow[], backend: string) =>
  rows.find((row) => row.backend === backend)?.id;

const live = (rows: readonly BackendRow[]) => rows.filter((row) => row.released_at_ms === null);

Deno.test("new backends take the ids from 1 up, in the order they are wanted", () => {
  const rows = allocateIds([], named("c", "a", "b"), 100, 5);
  assert.deepEqual(rows.map((row) => [row.id, row.backend]), [[1, "c"], [2, "a"], [3, "b"]]);
  assert.deepEqual(rows[0], {
    service: "web",
    backend: "c",
    id: 1,
    added_at_ms: 5,
    released_at_ms: null,
    new_total: 0,
    last_raw: 0,
  });
});

Deno.test("a known backend keeps its id whatever comes and goes beside it", () => {
  const one = allocateIds([], named("a", "b"), 100, 1);
  const two = allocateIds(one, named("z", "b", "y"), 100, 2);
  assert.equal(idOf(two, "b"), 2);
  assert.deepEqual([idOf(two, "z"), idOf(two, "y")], [3, 4]);
});

Deno.test("a removed backend that comes back has its old id and counts from zero", () => {
  const one = allocateIds([], named("a", "b"), 100, 1).map((row) => foldCounter(row, 40));
  const two = allocateIds(one, named("b"), 100, 2);
  const three = allocateIds(two, named("b", "a"), 100, 3);
  const back = three.find((row) => row.backend === "a");
  assert.deepEqual(back, { ...one[0], added_at_ms: 3, new_total: 0, last_raw: 0 });
  assert.equal(three.find((row) => row.backend === "b")?.new_total, 40);
});

Deno.test("the same address in two services is two backends", () => {
  const wanted = [{ service: "web", backend: "a|80" }, { service: "dns", backend: "a|80" }];
  assert.deepEqual(allocateIds([], wanted, 10, 1).map((row) => row.id), [1, 2]);
});

Deno.test("a backend that is wanted twice has one id", () => {
  assert.equal(allocateIds([], named("a", "a"), 10, 1).length, 1);
});

Deno.test("the id released longest ago is the first one used again", () => {
  const full = allocateIds([], named("a", "b", "c"), 3, 1);
  const less = allocateIds(allocateIds(full, named("a", "c"), 3, 2), named("c"), 3, 3);
  const next = allocateIds(less, named("c", "new"), 3, 4);
  assert.equal(idOf(next, "new"), 2);
  assert.equal(idOf(next, "b"), undefined);
  assert.equal(idOf(next, "a"), 1);
});

Deno.test("more backends than ids is an error that names both numbers", () => {
  const act = () => allocateIds([], named("a", "b", "c", "d"), 3, 1);
  assert.throws(act, { name: "LbError", code: "unsupported", message: /4 backends.*room for 3/ });
});

Deno.test("a narrower mark gives backends with ids too large new ones", () => {
  const wide = allocateIds([], named("a", "b", "c"), 1000, 1).map((row) => ({
    ...row,
    id: row.id * 300,
  }));
  const narrow = allocateIds(wide, named("a", "b", "c"), 400, 2);
  assert.deepEqual(narrow.map((row) => [row.id, row.backend]), [[1, "b"], [2, "c"], [300, "a"]]);
});

Deno.test("over any sequence of changes ids are unique, in range, stable and reused last", () => {
  const step = fc.uniqueArray(fc.constantFrom(..."abcdefghijkl"), { maxLength: 8 });
  fc.assert(fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
    let rows: BackendRow[] = [];
    for (const [now, wanted] of steps.entries()) {
      const before = rows;
      rows = allocateIds(before, named(...wanted), 8, now);
      assert.equal(new Set(rows.map((row) => row.id)).size, rows.length);
      assert.ok(rows.every((row) => row.id >= 1 && row.id <= 8));
      assert.deepEqual(live(rows).map((row) => row.backend).sort(), wanted.toSorted());
      for (const row of before) {
        if (wanted.includes(row.backend)) assert.equal(idOf(rows, row.backend), row.id);
      }
      const lost = before.filter((row) => idOf(rows, row.backend) === undefined);
      assert.ok(lost.length === 0 || rows.length === 8, "an id was reused while others were free");
    }
  }));
});

Deno.test("a kernel counter that starts again does not lose what was counted", () => {
  const start = allocateIds([], named("a"), 10, 1)[0]!;
  const raws = [5, 5, null, 9, 2, 2, 10];
  const totals: number[] = [];
  raws.reduce<BackendRow>((row, raw) => {
    const next = foldCounter(row, raw);
    totals.push(next.new_total);
    return next;
  }, start);
  assert.deepEqual(totals, [5, 5, 5, 9, 11, 11, 19]);
});

Deno.test("a total never shrinks", () => {
  fc.assert(fc.property(fc.array(fc.nat()), (raws) => {
    let row = allocateIds([], named("a"), 10, 1)[0]!;
    for (const raw of raws) {
      const next = foldCounter(row, raw);
      assert.ok(next.new_total >= row.new_total && next.new_total >= raw);
      row = next;
    }
  }));
});

Deno.test(
  "the table holds exactly the rows that were saved last",
  inStore((store) => {
    const step = fc.uniqueArray(fc.constantFrom(..."abcdef"), { maxLength: 5 });
    let now = 0;
    fc.assert(fc.property(step, fc.nat({ max: 50 }), (wanted, raw) => {
      const known = store.backends.all();
      const rows = allocateIds(known, named(...wanted), 5, now++)
        .map((row) => foldCounter(row, raw));
      store.backends.save(rows);
      assert.deepEqual(store.backends.all(), rows);
    }));
  }),
);
