import assert from "node:assert/strict";
import fc from "fast-check";
import type { QueueTable } from "../../../lib/engine/nfqueue/table.ts";
import { LbError } from "../../../lib/model/error.ts";
import { DEFAULT_MARK_MASK, markLayout } from "../../../lib/model/mark.ts";
import { parseTable } from "../../../lib/queue/table.ts";

const TABLE: QueueTable = {
  token: "a1b2",
  marks: markLayout(DEFAULT_MARK_MASK)!,
  queues: { first: 100, count: 2 },
  services: [{
    name: "web",
    vip: [{ family: 4, text: "203.0.113.0", length: 24 }, {
      family: 6,
      text: "2001:db8::1",
      length: 128,
    }],
    protocol: "tcp",
    ports: [{ first: 80, last: 80 }, { first: 8000, last: 8010 }],
    scheduler: "maglev",
    bound: 0.25,
    backends: [{
      id: 1,
      address: { family: 4, text: "198.51.100.11" },
      port: 8080,
      weight: 100,
      effective_weight: 37.5,
      max_connections: 10,
    }],
  }, {
    name: "all",
    vip: [{ family: 4, text: "203.0.113.9", length: 32 }],
    protocol: "udp",
    ports: "all",
    scheduler: "sh",
    bound: 0,
    backends: [],
  }],
};

/** What may stand anywhere in a file that somebody has damaged, or forged. */
const JUNK: readonly unknown[] = [
  null,
  -1,
  0.5,
  1e300,
  2 ** 40,
  "",
  "x",
  "256.1.1.1",
  [],
  {},
  [null],
  true,
];

interface Spot {
  readonly holder: Record<string, unknown>;
  readonly key: string;
}

/** Every place of a document at which something stands. */
function spots(value: unknown): Spot[] {
  if (typeof value !== "object" || value === null) return [];
  const holder = value as Record<string, unknown>;
  return Object.keys(holder).flatMap((key) => [{ holder, key }, ...spots(holder[key])]);
}

Deno.test("a table is read as it was written", () => {
  const read = parseTable(JSON.stringify(TABLE));
  assert.deepEqual(JSON.parse(JSON.stringify(read)), JSON.parse(JSON.stringify(TABLE)));
});

/** Rows of: where it is wrong, what stood there, what stands there now. */
const WRONG: readonly (readonly [RegExp, string, string])[] = [
  [/token/, '"token":"a1b2"', '"token":""'],
  [/marks\.mask/, '"mask":16776960', '"mask":5'],
  [/queues\.count/, '"count":2', '"count":0'],
  [/queues\.first/, '"first":100', '"first":65535'],
  [/services\[0\]\.vip\[0\]/, '"length":24', '"length":23'],
  [/services\[0\]\.vip\[1\]/, "2001:db8::1", "2001:db8::x"],
  [/services\[1\]\.protocol/, '"udp"', '"icmp"'],
  [/services\[1\]\.scheduler/, '"sh"', '"best"'],
  [/services\[0\]\.ports\[1\]\.last/, "8010", "7999"],
  [/services\[0\]\.backends\[0\]\.id/, '"id":1', '"id":0'],
];

Deno.test("what is in no range that it can have is refused, and where it stands is said", () => {
  const text = JSON.stringify(TABLE);
  for (const [where, before, after] of WRONG) {
    assert.ok(text.includes(before), before);
    assert.throws(() => parseTable(text.replace(before, after)), where);
  }
});

Deno.test("whatever stands in the file, it is a table or an error that names the place", () => {
  const places = spots(TABLE).length;
  fc.assert(
    fc.property(
      fc.nat(places - 1),
      fc.constantFrom(...JUNK),
      fc.boolean(),
      (at, junk, goes) => {
        const table = structuredClone(TABLE);
        const { holder, key } = spots(table)[at]!;
        if (goes) delete holder[key];
        else holder[key] = junk;
        let read: QueueTable;
        try {
          read = parseTable(JSON.stringify(table));
        } catch (error) {
          assert.ok(error instanceof LbError && error.message.includes("table"), `${error}`);
          return;
        }
        assert.ok(
          read.services.every(({ vip }) => vip.every(({ family }) => [4, 6].includes(family))),
        );
      },
    ),
    { numRuns: 2_000 },
  );
});

Deno.test("what is no JSON at all is refused", () => {
  for (const text of ["", "{", "null", "[]", "7", '"x"', '{"token":"x"}']) {
    assert.throws(() => parseTable(text), LbError, text);
  }
});
