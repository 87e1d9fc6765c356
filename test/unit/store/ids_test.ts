import assert from "node:assert/strict";
import fc from "fast-check";
import {
  allocateIds,
  type BackendName,
  type BackendRow,
  foldCounter,
  rowFinder,
  withoutReleases,
} from "../../../lib/store/ids.ts";
import { openStore } from "../../../lib/store/store.ts";
import { inStore, OWNER } from "./folder.ts";

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
  const next = allocateIds(less, named("c", "new"), 3, 4, 3);
  assert.equal(idOf(next, "new"), 2);
  assert.equal(idOf(next, "b"), undefined);
  assert.equal(idOf(next, "a"), 1);
});

Deno.test("an id that is released in a run is not given away in it", () => {
  const full = allocateIds([], named("a", "b", "c"), 3, 1);
  const next = allocateIds(full, named("a", "b", "new"), 3, 2, 1);
  assert.deepEqual([idOf(next, "c"), idOf(next, "new")], [3, 4]);
});

Deno.test("an id that was released by a run that was cut off is not given away by the next", () => {
  const full = allocateIds([], named("a", "b", "c"), 3, 1);
  const cut = allocateIds(full, named("a", "b"), 3, 5, 1);
  assert.equal(idOf(allocateIds(cut, named("a", "b", "new"), 3, 6, 1), "new"), 4);
  assert.equal(idOf(allocateIds(cut, named("a", "b", "new"), 3, 6, 5), "new"), 3, "it has ended");
});

Deno.test("a backend that comes back does not lose its id to a new one", () => {
  const full = allocateIds([], named("a", "b"), 2, 1);
  const less = allocateIds(full, named("a"), 2, 2, 1);
  const next = allocateIds(less, named("a", "new", "b"), 2, 3, 2);
  assert.deepEqual([idOf(next, "b"), idOf(next, "new")], [2, 3]);
});

Deno.test("before the kernel is changed new ids are on record, and nothing is released yet", () => {
  const one = allocateIds([], named("a", "b"), 9, 1).map((row) => foldCounter(row, 40));
  const two = allocateIds(one, named("b", "c"), 9, 2, 1);
  assert.deepEqual(withoutReleases(one, two), [...one, two.find((row) => row.backend === "c")]);
  const three = allocateIds(two, named("c"), 9, 3, 2);
  assert.deepEqual(withoutReleases(two, three), two, "what is gone already stays so");
});

Deno.test("more backends than marks: the last ones have ids beyond them, in order", () => {
  const rows = allocateIds([], named("a", "b", "c", "d", "e"), 3, 1);
  assert.deepEqual(rows.map((row) => [row.id, row.backend]), [
    ...[[1, "a"], [2, "b"], [3, "c"]],
    ...[[4, "d"], [5, "e"]],
  ]);
});

Deno.test("an id that fits the mark is used again before one that does not, but is not given to the living", () => {
  const full = allocateIds([], named("a", "b", "c", "d"), 3, 1);
  const less = allocateIds(full, named("a", "c", "d"), 3, 2);
  assert.equal(idOf(less, "d"), 4, "the id of a backend is for life");
  assert.equal(idOf(allocateIds(less, named("a", "c", "d", "new"), 3, 3, 2), "new"), 2);
});

Deno.test("ids beyond the mark are told apart in the store for as long as they are known", () => {
  const full = allocateIds([], named("a", "b", "c"), 1, 1);
  const less = allocateIds(full, named("a"), 1, 2);
  const more = allocateIds(less, named("a", "x", "c"), 1, 3);
  assert.deepEqual([idOf(more, "c"), idOf(more, "x")], [3, 4]);
});

Deno.test("a narrower mark leaves the ids of known backends alone", () => {
  const wide = allocateIds([], named("a", "b", "c"), 1000, 1).map((row) => ({
    ...row,
    id: row.id * 300,
  }));
  const narrow = allocateIds(wide, named("a", "b", "c", "d"), 400, 2);
  assert.deepEqual(narrow.map((row) => [row.id, row.backend]), [
    ...[[1, "d"], [300, "a"]],
    ...[[600, "b"], [900, "c"]],
  ]);
});

Deno.test("over any sequence of changes ids are unique, stable, fit the mark where they can, and are reused last", () => {
  const FITTING = 5;
  const step = fc.uniqueArray(fc.constantFrom(..."abcdefghijkl"), { maxLength: 8 });
  const runs = fc.array(fc.tuple(step, fc.boolean()), { maxLength: 12 });
  fc.assert(fc.property(runs, (steps) => {
    let rows: BackendRow[] = [];
    let settled = -1;
    for (const [now, [wanted, ends]] of steps.entries()) {
      const before = rows;
      rows = allocateIds(before, named(...wanted), FITTING, now, settled);
      assert.equal(new Set(rows.map((row) => row.id)).size, rows.length);
      assert.ok(rows.every((row) => row.id >= 1));
      assert.deepEqual(live(rows).map((row) => row.backend).sort(), wanted.toSorted());
      for (const row of before) {
        if (wanted.includes(row.backend)) assert.equal(idOf(rows, row.backend), row.id);
      }
      const lost = before.filter((row) => idOf(rows, row.backend) === undefined);
      const fitting = rows.filter(({ id }) => id <= FITTING);
      assert.ok(lost.length === 0 || fitting.length === FITTING, "reused while others were free");
      const beyond = rows.filter((row) =>
        row.id > FITTING && !before.some(({ id }) => id === row.id)
      );
      const idle = fitting.filter(({ released_at_ms: at_ms }) =>
        at_ms !== null && at_ms <= settled
      );
      assert.ok(beyond.length === 0 || idle.length === 0, "beyond the mark while one was idle");
      for (const { released_at_ms: at_ms } of lost) assert.ok(at_ms !== null && at_ms <= settled);
      if (ends) settled = now;
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

Deno.test("rows are found by name in whatever order they are asked for, the released ones too", () => {
  const names = fc.uniqueArray(fc.constantFrom(..."abcdefgh"), { maxLength: 8 });
  fc.assert(
    fc.property(names, names, fc.array(fc.constantFrom(..."abcdefgh")), (old, now, asked) => {
      const rows = allocateIds(allocateIds([], named(...old), 9, 1), named(...now), 9, 2);
      const find = rowFinder(rows);
      for (const backend of [...now, ...asked]) {
        assert.equal(find("web", backend), rows.find((row) => row.backend === backend));
        assert.equal(find("other", backend), undefined);
      }
    }),
  );
});

Deno.test(
  "what another process saved is seen, and what was rolled back is not",
  inStore((store, folder) => {
    const one = allocateIds([], named("a"), 5, 1);
    const two = allocateIds(one, named("a", "b"), 5, 2);
    store.backends.save(one);
    assert.throws(() =>
      store.transaction(() => {
        store.backends.save(two);
        throw new Error("cut off");
      })
    );
    assert.deepEqual(store.backends.all(), one);
    const other = openStore(folder, OWNER);
    other.backends.save(two);
    other.close();
    assert.deepEqual(store.backends.all(), two);
    store.backends.save(one);
    assert.deepEqual(store.backends.all(), one);
  }),
);
