import assert from "node:assert/strict";
import fc from "fast-check";
import { type Address, addressFromBytes } from "../../../lib/model/address.ts";
import { movedShare } from "../../../lib/scheduler/moved.ts";
import { hashSlot, type SlotTable, slotTable } from "../../../lib/scheduler/slots.ts";
import { backendOf } from "../../fake/services.ts";

function table(slots: readonly number[], seed = 1): SlotTable {
  return { index: { kind: "hash", fields: ["saddr"], seed }, slots };
}

Deno.test("moved: slots that differ, of all", () => {
  assert.equal(movedShare(table([1, 2, 3, 4]), table([1, 2, 3, 4])), 0);
  assert.equal(movedShare(table([1, 2, 3, 4]), table([1, 2, 4, 4])), 0.25);
  assert.equal(movedShare(table([1, 1]), table([2, 2])), 1);
});

Deno.test("moved: a table of another size is held against the same hashes", () => {
  assert.equal(movedShare(table([1, 2]), table([1, 1, 2, 2])), 0);
  assert.equal(movedShare(table([1, 2]), table([1, 2, 2, 2])), 0.25);
  assert.ok(Math.abs(movedShare(table([1, 2]), table([1, 2, 2])) - 1 / 6) < 1e-9);
});

Deno.test("moved: from nobody nothing moves, to nobody everything", () => {
  assert.equal(movedShare(table([]), table([1])), 0);
  assert.equal(movedShare(table([1]), table([])), 1);
  assert.equal(movedShare(table([]), table([])), 0);
});

Deno.test("moved: with another hash it is chance who stays", () => {
  assert.equal(movedShare(table([1, 2]), table([1, 2], 2)), 0.5);
  assert.equal(movedShare(table([1]), table([1], 2)), 0);
});

function sourceOf(number: number): Address {
  return addressFromBytes(Uint8Array.of(198, 18, number >> 8, number & 0xff));
}

Deno.test("moved: it is what becomes of clients, whatever backends and weights there are", () => {
  const weights = fc.array(fc.constantFrom(0, 1, 3, 100), { minLength: 1, maxLength: 60 });
  const clients = Array.from({ length: 4_000 }, (_, index) => sourceOf(index));
  const of = (all: readonly number[]) =>
    slotTable(
      "sh",
      "web",
      all.map((weight, index) =>
        backendOf({ id: index + 1, address: `198.51.100.${index + 1}`, weight })
      ),
    );
  fc.assert(
    fc.property(weights, weights, (before, after) => {
      const tables = [of(before), of(after)] as const;
      const backends = ([one, other]: typeof tables, client: Address) =>
        [one, other].map((each) => each.slots[hashSlot(each, client, 0) ?? -1]);
      const moved = clients.filter((client) => {
        const [from, to] = backends(tables, client);
        return from !== undefined && from !== to;
      });
      assert.ok(Math.abs(moved.length / clients.length - movedShare(...tables)) < 0.05);
    }),
    { numRuns: 40 },
  );
});
