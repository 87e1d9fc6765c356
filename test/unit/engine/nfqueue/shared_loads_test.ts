import assert from "node:assert/strict";
import fc from "fast-check";
import { FlowTable } from "../../../../lib/engine/nfqueue/flow_table.ts";
import {
  Choices,
  isCounted,
  newSharedLoads,
  ThreadLoads,
} from "../../../../lib/engine/nfqueue/shared_loads.ts";
import { markLayout } from "../../../../lib/model/mark.ts";
import { LAYOUT } from "./rig.ts";

function drained(choices: Choices): [number, number][] {
  const found: [number, number][] = [];
  choices.drain((flow, id) => found.push([flow, id]));
  return found;
}

Deno.test("choices of a thread come out in their order, once", () => {
  const shared = newSharedLoads(LAYOUT, 2);
  const [first, second] = [0, 1].map((thread) => new ThreadLoads(shared, thread));
  const choices = shared.rings.map((ring) => new Choices(ring));
  assert.ok(first!.take(7, 0, 0xffff_fff0));
  assert.ok(first!.take(8, 0, 12));
  assert.ok(second!.take(7, 1, 13));
  assert.deepEqual(drained(choices[0]!), [[0xffff_fff0, 7], [12, 8]]);
  assert.deepEqual(drained(choices[0]!), []);
  assert.deepEqual(drained(choices[1]!), [[13, 7]]);
  assert.equal(first!.activeOf(7), 2);
});

Deno.test("who saw another count than there is takes nothing", () => {
  const shared = newSharedLoads(LAYOUT, 1);
  const loads = new ThreadLoads(shared, 0);
  assert.ok(loads.take(7, 0, 1));
  assert.ok(!loads.take(7, 0, 2));
  assert.equal(loads.activeOf(7), 1);
  assert.deepEqual(drained(new Choices(shared.rings[0]!)), [[1, 7]]);
});

Deno.test("what nobody takes out is not counted beyond the ring's room, and the room comes back", () => {
  const shared = newSharedLoads(LAYOUT, 1);
  const loads = new ThreadLoads(shared, 0);
  const choices = new Choices(shared.rings[0]!);
  for (let round = 0; round < 3; round++) {
    const before = loads.activeOf(1);
    for (let flow = 0; flow < 10_000; flow++) assert.ok(loads.take(1, loads.activeOf(1), flow));
    const found = drained(choices);
    assert.equal(loads.activeOf(1) - before, found.length);
    assert.equal(found.length, 8192);
    assert.deepEqual(found.map(([flow]) => flow), found.map((_, index) => index));
  }
});

Deno.test("ids that a mark cannot tell, or that are beyond reason, are not counted", () => {
  assert.ok(isCounted(LAYOUT, LAYOUT.idMax - 1));
  assert.ok(!isCounted(LAYOUT, LAYOUT.idMax));
  const wide = markLayout(0xffffffff)!;
  assert.ok(isCounted(wide, 2 ** 20 - 1));
  assert.ok(!isCounted(wide, 2 ** 20));
  assert.ok(newSharedLoads(wide, 1).counts.byteLength <= 2 ** 22);
});

Deno.test("a thread without a ring is a mistake", () => {
  assert.throws(() => new ThreadLoads(newSharedLoads(LAYOUT, 1), 1), RangeError);
});

const KEY = fc.tuple(fc.nat(300), fc.nat(2));

Deno.test("a flow table holds what a Map would, through growing and deleting", () => {
  const change = fc.tuple(KEY, fc.nat(9));
  fc.assert(
    fc.property(fc.array(change, { maxLength: 2_000, minLength: 500 }), (changes) => {
      const [table, map] = [new FlowTable(), new Map<string, number>()];
      for (const [[id, flow], value] of changes) {
        const key = `${id} ${flow}`;
        if (value < 4) {
          assert.equal(table.delete(id, flow), map.get(key) ?? 0);
          map.delete(key);
        } else {
          table.set(id, flow, value);
          map.set(key, value);
        }
        assert.equal(table.get(id, flow), map.get(key) ?? 0);
      }
      const found = new Map<string, number>();
      table.forEach((id, flow, value) => found.set(`${id} ${flow}`, value));
      assert.deepEqual([...found].sort(), [...map].sort());
      assert.equal(table.size, map.size);
    }),
    { numRuns: 50 },
  );
});

Deno.test("a flow table of 100,000 is right after every second was deleted", () => {
  const table = new FlowTable();
  for (let id = 0; id < 100_000; id++) table.set(id, id ^ 0xabcd, id % 7 + 1);
  for (let id = 0; id < 100_000; id += 2) assert.equal(table.delete(id, id ^ 0xabcd), id % 7 + 1);
  assert.equal(table.size, 50_000);
  for (let id = 0; id < 100_000; id++) {
    assert.equal(table.get(id, id ^ 0xabcd), id % 2 ? id % 7 + 1 : 0);
  }
});
