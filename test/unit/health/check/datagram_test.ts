import assert from "node:assert/strict";
import fc from "fast-check";
import { runChecks } from "../../../../lib/health/check/check.ts";
import { dnsQuery, readDns } from "../../../../lib/health/check/dns_message.ts";
import { concat } from "../../../../lib/model/bytes.ts";
import type { Health } from "../../../../lib/model/service.ts";
import type { Script } from "../../../fake/peers.ts";
import { bytes, fakePorts, target } from "./rig.ts";

async function check(health: Partial<Health>, script: Script, text?: string) {
  // An echo has no port.
  const ports = fakePorts({ 0: script, 53: script });
  const [result] = await runChecks([target(health, 53, text)], ports);
  return { ...result!, sent: ports.peers.sent };
}

/** Type and data of a record. */
type DnsRow = readonly [number, readonly number[]];

/** An answer with these records to a query; their names are pointers to its own (RFC 1035, 4.1.4). */
function reply(query: Uint8Array, flags: number, records: readonly DnsRow[]) {
  const body = records.map(([type, data]) =>
    Uint8Array.of(0xc0, 12, 0, type, 0, 1, 0, 0, 0, 60, 0, data.length, ...data)
  );
  const head = query.slice(0, 12);
  head.set([0x80 | flags >> 8, flags & 0xff], 2);
  head.set([0, records.length], 6);
  return concat(head, query.subarray(12), ...body);
}

const DNS = { type: "dns", query: "www.example.com" } as const;
const A = [1, [192, 0, 2, 1]] as const;
const AAAA = [28, [0x20, 1, 0xd, 0xb8, ...Array(11).fill(0), 1]] as const;
const CNAME = [5, [0xc0, 16]] as const;

Deno.test("a lost datagram is asked again within the time", async () => {
  const { ok, took_ms, sent } = await check(DNS, {
    answer: (query, turn) => turn < 2 ? [] : [reply(query, 0, [A])],
  });
  assert.equal(ok, true);
  assert.equal(took_ms, 600);
  assert.equal(sent.length, 3);
});

Deno.test("silence is an answer to udp, and to nobody else", async () => {
  assert.equal((await check({ type: "udp" }, {})).reason, "");
  assert.equal((await check({ type: "udp", body: "a" }, {})).reason, "no answer within 900 ms");
  assert.equal((await check(DNS, {})).reason, "no answer within 900 ms");
  assert.equal((await check({ type: "icmp" }, {})).reason, "no answer to a ping within 900 ms");
});

Deno.test("a router's word that nobody is there is heard", async () => {
  const unreachable = { answer: () => ["ECONNREFUSED"] };
  assert.equal((await check({ type: "udp" }, unreachable)).reason, "port unreachable");
  assert.equal((await check(DNS, unreachable)).reason, "port unreachable");
  assert.equal(
    (await check({ type: "icmp" }, { answer: () => ["EHOSTUNREACH"] })).reason,
    "host unreachable",
  );
});

Deno.test("an echo counts only if it is ours", async () => {
  const ip = Uint8Array.of(0x45, ...Array(19).fill(0));
  const echo4 = (sent: Uint8Array) => concat(ip, [0], sent.subarray(1));
  const echo6 = (sent: Uint8Array) => concat([129], sent.subarray(1));
  assert.equal((await check({ type: "icmp" }, { answer: (sent) => [echo4(sent)] })).ok, true);
  const v6 = await check({ type: "icmp" }, { answer: (sent) => [echo6(sent)] }, "2001:db8::1");
  assert.equal(v6.ok, true);
  const foreign = (sent: Uint8Array) => {
    const other = echo4(sent);
    other[other.length - 1]! ^= 1;
    return [concat(ip, sent), other, concat(ip, [0])];
  };
  assert.equal((await check({ type: "icmp" }, { answer: foreign })).ok, false);
});

Deno.test("a name server is judged by its code, its records and the address wanted", async () => {
  const rows: readonly (readonly [
    number,
    DnsRow[],
    string | undefined,
    string,
  ])[] = [
    [0, [A], undefined, ""],
    [0, [CNAME, A], "192.0.2.1", ""],
    [0, [AAAA], "2001:db8::1", ""],
    [0, [CNAME], undefined, ""],
    [0, [A], "192.0.2.2", "it answers 192.0.2.1 for www.example.com, not 192.0.2.2"],
    [0, [CNAME], "192.0.2.2", "it answers no address for www.example.com, not 192.0.2.2"],
    [0, [], undefined, "it has no record for www.example.com"],
    [0x200, [], undefined, ""],
    [2, [], undefined, "it failed to answer (SERVFAIL): www.example.com"],
    [3, [], undefined, "it knows no such name (NXDOMAIN): www.example.com"],
    [11, [], undefined, "it answers with code 11: www.example.com"],
  ];
  for (const [flags, records, answer, wanted] of rows) {
    const script = {
      answer: (query: Uint8Array) => [reply(query, flags, records)],
    };
    assert.equal((await check({ ...DNS, answer }, script)).reason, wanted);
  }
});

Deno.test("a name server's answer to another query is none", async () => {
  const other = (query: Uint8Array) => {
    const answer = reply(query, 0, [A]);
    answer[0]! ^= 1;
    return [answer, query];
  };
  assert.equal((await check(DNS, { answer: other })).reason, "no answer within 900 ms");
});

Deno.test("who answers without end is not listened to without end", async () => {
  const flood = { answer: () => Array.from({ length: 1000 }, () => bytes("no")) };
  assert.equal((await check(DNS, flood)).reason, "it answers something else than what was asked");
});

Deno.test("no datagram breaks the reader of name server answers", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 80 }), fc.nat(60), (noise, length) => {
    const whole = reply(dnsQuery(7, "a.b", 4), 0, [CNAME, A]);
    readDns(noise, 0);
    const cut = readDns(whole.subarray(0, Math.min(length, whole.length - 1)), 7);
    assert.equal(cut, undefined, "half an answer is none");
    const changed = whole.slice();
    noise.forEach((byte, index) => changed[2 + index % (changed.length - 2)]! ^= byte);
    readDns(changed, 7);
  }));
});
