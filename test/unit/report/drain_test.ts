import assert from "node:assert/strict";
import fc from "fast-check";
import { parseAddress } from "../../../lib/model/address.ts";
import { drainBar, drainLines } from "../../../lib/report/drain.ts";

const address = parseAddress("198.51.100.11")!;

Deno.test("the bar tells connections and time left, fills up, and never wraps", () => {
  const bar = (connections_left: number, most: number) =>
    drainBar([{ address, connections_left, seconds_left: 42 }], most);
  assert.equal(
    bar(25, 100),
    `[${"█".repeat(18)}${"░".repeat(6)}] 25 of 100 connections left, 42 s`,
  );
  assert.match(bar(0, 0), /^\[█{24}\] 0 of 0/);
  fc.assert(fc.property(fc.nat(), fc.nat(), (left, most) => {
    assert.ok(bar(left, most).length <= 79);
    assert.match(bar(left, most), /^\[[█░]{24}\]/);
  }));
});

Deno.test("for a file each backend has its line", () => {
  const drains = [
    { address, port: 80, connections_left: 1, seconds_left: 5 },
    { address, connections_left: null, seconds_left: null },
  ];
  assert.deepEqual(drainLines("web", drains), [
    "web 198.51.100.11:80: 1 connection left, 5 s",
    "web 198.51.100.11:",
  ]);
});
