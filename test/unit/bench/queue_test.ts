import assert from "node:assert/strict";
import { enduranceChecks, queueChecks } from "../../bench/queue/checks.ts";
import { LB_ON_ITS_RULES, LB_ON_OWN_RULES, NFQLB } from "../../bench/queue/contenders.ts";
import { type FloodSample, passedBy } from "../../bench/queue/flood.ts";
import type { QueueResult } from "../../bench/queue/measure.ts";
import { SynFrame } from "../../bench/queue/syn.ts";
import { queueTables } from "../../bench/queue/tables.ts";
import { internetChecksum } from "../../../lib/packet/checksum.ts";
import { concat } from "../../../lib/model/bytes.ts";
import { newPacket, parsePacket } from "../../../lib/packet/packet.ts";

const ETHERNET_BYTES = 14;
const MACS = { source: new Uint8Array(6).fill(2), destination: new Uint8Array(6).fill(4) };

Deno.test("SYNs of a generator differ by port, then by address, and their checksums are right", () => {
  const to = { address: { family: 4, text: "203.0.113.10" }, port: 80 } as const;
  const frame = new SynFrame(MACS, to);
  const seen = new Set<string>();
  for (const number of [0, 1, 63_999, 64_000, 64_001, 2 ** 31, 2 ** 33 + 7]) {
    frame.become(number);
    const ip = frame.bytes.subarray(ETHERNET_BYTES);
    const tcp = ip.subarray(20);
    const pseudo = concat(ip.subarray(12, 20), [0, 6, 0, tcp.length]);
    assert.equal(internetChecksum(ip.subarray(0, 20)), 0);
    assert.equal(internetChecksum(concat(pseudo, tcp)), 0);
    const packet = newPacket();
    const view = new DataView(frame.bytes.buffer);
    assert.equal(parsePacket(view, ETHERNET_BYTES, frame.bytes.length, packet), "flow");
    assert.deepEqual([packet.tcp_flags, packet.destination_port], [2, 80]);
    seen.add(`${view.getUint32(packet.source_at)}:${packet.source_port}`);
  }
  assert.equal(seen.size, 7);
});

const FLOOD: FloodSample = { seconds: 2, offered: 1000, answered: 600, dropped: 100, cpu_s: 0.006 };

function resultOf(rates: readonly number[], costs_s: readonly number[]): QueueResult {
  const names = [LB_ON_ITS_RULES, NFQLB, LB_ON_OWN_RULES];
  const use = { busy_s: 1, idle_s: 0, steal_s: 0, client_s: 0, backends_s: 0, balancer_s: 0.1 };
  const floods = new Map(names.map((name, at) => [name, [{ ...FLOOD, cpu_s: costs_s[at]! }]]));
  return {
    connections: new Map(names.map((name, at) => [
      name,
      [{ amount: rates[at]!, seconds: 1, errors: 0, cpu: use }],
    ])),
    steady: floods,
    flood: floods,
  };
}

Deno.test("the worker is held against nfqlb by connections and by what a SYN costs", () => {
  const good = queueChecks(resultOf([100, 100, 105], [0.9, 1, 2]));
  assert.deepEqual(good.map(({ ok }) => ok), [true, true, true, true]);
  const bad = queueChecks(resultOf([99, 100, 104], [0.91, 1, 2]));
  assert.deepEqual(bad.map(({ ok }) => ok), [false, false, false, false]);
});

Deno.test("what was neither answered nor dropped was left to the kernel, and is told as a share", () => {
  assert.equal(passedBy(FLOOD), 300);
  const [, steady] = queueTables(resultOf([1, 1, 1], [1, 1, 1]));
  assert.deepEqual(steady!.rows[0]!.slice(-2), ["10.0 %", "30.0 %"]);
});

Deno.test("memory that grows by a tenth is flat, by more it is not; a restart is a defect", () => {
  const at = (verdicts: number, worker_bytes: number) => ({
    verdicts,
    supervisor_bytes: 0,
    worker_bytes,
  });
  const end = { seed: 1, hostile: 5, hostile_seen: 5, released: 0 };
  const checked = (last: number, restarts: number) =>
    enduranceChecks({ memory: [at(0, 100), at(9, last)], ...end, restarts }).map(({ ok }) => ok);
  assert.deepEqual(checked(110, 0), [true, true]);
  assert.deepEqual(checked(111, 1), [false, false]);
});
