import assert from "node:assert/strict";
import { parseAddress } from "../../../lib/model/address.ts";
import { hashKey, hashSlot, SLOT_SCHEDULERS, slotTable } from "../../../lib/scheduler/slots.ts";
import { backendOf } from "../../fake/services.ts";

const BACKENDS = [
  { id: 1, address: "198.51.100.11", weight: 300 },
  { id: 2, address: "198.51.100.12", weight: 100 },
  { id: 3, address: "198.51.100.13", weight: 0 },
].map(backendOf);

const V4 = parseAddress("192.0.2.1")!;
const V6 = parseAddress("2001:db8::1")!;

Deno.test("slotTable: what each scheduler is as data", () => {
  const kinds = SLOT_SCHEDULERS.map((name) => {
    const { index, slots } = slotTable(name, "web", BACKENDS);
    return [name, index.kind, index.kind === "hash" ? index.fields.join() : "", slots.length];
  });
  assert.deepEqual(kinds, [
    ["rr", "inc", "", 2],
    ["wrr", "inc", "", 4],
    ["random", "random", "", 4],
    ["sh", "hash", "saddr", 4091],
    ["maglev", "hash", "saddr,sport", 4091],
    ["lc", "inc", "", 251],
    ["wlc", "inc", "", 251],
    ["lr", "inc", "", 251],
    ["cpu", "inc", "", 251],
  ]);
});

Deno.test("slotTable: without a weight above 0 there are no slots", () => {
  for (const name of SLOT_SCHEDULERS) {
    assert.deepEqual(slotTable(name, "web", BACKENDS.slice(2)).slots, [], name);
    assert.deepEqual(slotTable(name, "web", []).slots, [], name);
  }
});

Deno.test("slotTable: a hash table keeps its size when a backend goes to weight 0", () => {
  const many = Array.from(
    { length: 41 },
    (_, index) => backendOf({ id: index + 1, address: `198.51.100.${index + 1}` }),
  );
  const fewer = many.map((one, index) => index < 20 ? { ...one, effective_weight: 0 } : one);
  assert.equal(slotTable("maglev", "web", many).slots.length, 10_007);
  assert.equal(slotTable("maglev", "web", fewer).slots.length, 10_007);
});

Deno.test("slotTable: the seed is the service's, never 0, and the same every time", () => {
  const seedOf = (name: string) => {
    const { index } = slotTable("sh", name, BACKENDS);
    return index.kind === "hash" ? index.seed : undefined;
  };
  assert.equal(seedOf("web"), seedOf("web"));
  assert.notEqual(seedOf("web"), seedOf("shop"));
  assert.ok(["web", "shop", ""].every((name) => seedOf(name)! > 0));
});

Deno.test("slotTable: a backend's place does not depend on the order in the file", () => {
  const turned = [...BACKENDS].reverse();
  assert.deepEqual(slotTable("maglev", "web", turned), slotTable("maglev", "web", BACKENDS));
});

Deno.test("hashKey: fields in network order, the port filled up to four bytes", () => {
  assert.deepEqual([...hashKey(["saddr"], V4, 0x1234)], [192, 0, 2, 1]);
  assert.deepEqual([...hashKey(["saddr", "sport"], V4, 0x1234)], [192, 0, 2, 1, 0x12, 0x34, 0, 0]);
  assert.equal(hashKey(["saddr"], V6, 1).length, 16);
  assert.deepEqual([...hashKey(["saddr", "sport"], V6, 0xffff).slice(14)], [0, 1, 255, 255, 0, 0]);
});

Deno.test("hashSlot: predicts for hash schedulers only", () => {
  for (const name of SLOT_SCHEDULERS) {
    const slot = hashSlot(slotTable(name, "web", BACKENDS), V4, 40_000);
    assert.equal(slot !== undefined, name === "sh" || name === "maglev", name);
  }
  assert.equal(hashSlot(slotTable("sh", "web", []), V4, 40_000), undefined);
});

Deno.test("hashSlot: slots that linux 6.18 picked for these sources", () => {
  // test/kernel/jhash_test.ts sends packets from them, among others; here for machines without root.
  const picked = (["sh", "maglev"] as const).flatMap((name) =>
    ["0.0.0.1", "127.0.0.1", "::2", "fe80::1"].map((source) =>
      hashSlot(slotTable(name, "web", BACKENDS), parseAddress(source)!, 65_535)
    )
  );
  assert.deepEqual(picked, [3800, 3234, 1713, 3225, 166, 2303, 1513, 3432]);
});
