import assert from "node:assert/strict";
import { concat } from "../../../lib/model/bytes.ts";
import { readMessages } from "../../../lib/netlink/codec.ts";
import { type EventKind, EventReader } from "../../../lib/netlink/conntrack/events.ts";
import { BEGUN, BEGUN_UDP6, CLOSED, EVENT_SAMPLES, GONE } from "./event_samples.ts";
import { ACK, bytes, GENERATION, TCP_ENTRY, UDP6_ENTRY } from "./samples.ts";

/** What is known of an entry, its addresses as bytes. */
function fieldsOf(reader: EventReader) {
  const { protocol, source_port, destination_port, mark, id, tcp_state } = reader;
  const address = (at: number) =>
    Array.from({ length: reader.address_bytes }, (_, byte) => reader.view.getUint8(at + byte));
  const source = address(reader.source_at).join(".");
  const destination = address(reader.destination_at).join(".");
  return { protocol, source, destination, source_port, destination_port, mark, id, tcp_state };
}

/** Everything a datagram tells, which begins anywhere in a buffer. */
function told(datagram: Uint8Array, start = 12) {
  const buffer = new Uint8Array(start + datagram.length + 8).fill(0xa5);
  buffer.set(datagram, start);
  const reader = new EventReader();
  reader.begin(new DataView(buffer.buffer), start, datagram.length);
  const found: (ReturnType<typeof fieldsOf> & { kind: EventKind } | "other")[] = [];
  for (let kind = reader.next(); kind !== undefined; kind = reader.next()) {
    found.push(kind === "other" ? kind : { kind, ...fieldsOf(reader) });
  }
  return found;
}

const TCP = {
  protocol: 6,
  source: "127.0.0.1",
  destination: "127.0.0.1",
  source_port: 54356,
  destination_port: 8080,
  mark: 0x300,
  id: 0xa54f2adf,
};

Deno.test("events tell how a connection begins, changes and ends", () => {
  assert.deepEqual(told(BEGUN), [{ kind: "new", ...TCP, tcp_state: "SYN_SENT" }]);
  assert.deepEqual(told(CLOSED), [{ kind: "update", ...TCP, tcp_state: "TIME_WAIT" }]);
  assert.deepEqual(told(GONE), [{ kind: "destroy", ...TCP, tcp_state: "TIME_WAIT" }]);
});

Deno.test("an event of IPv6 has its addresses, and one of udp no state", () => {
  const localhost = `${"0.".repeat(15)}1`;
  assert.deepEqual(told(BEGUN_UDP6), [{
    kind: "new",
    protocol: 17,
    source: localhost,
    destination: localhost,
    source_port: 39849,
    destination_port: 9999,
    mark: 0x300,
    id: 0xb40e989e,
    tcp_state: undefined,
  }]);
});

Deno.test("several events in a datagram are told one by one, and nothing of one stays for the next", () => {
  const [first, second, third] = told(concat(BEGUN, BEGUN_UDP6, CLOSED));
  assert.deepEqual([first], told(BEGUN));
  assert.deepEqual([second], told(BEGUN_UDP6));
  assert.deepEqual([third], told(CLOSED));
});

Deno.test("entries of a dump are read by the same reader", () => {
  const reader = new EventReader();
  const [tcp, udp] = [TCP_ENTRY, UDP6_ENTRY].map((datagram) => readMessages(datagram)[0]!.body);
  assert.ok(reader.read(tcp!));
  assert.deepEqual(fieldsOf(reader), {
    protocol: 6,
    source: "192.0.2.1",
    destination: "203.0.113.1",
    source_port: 1000,
    destination_port: 80,
    mark: 0x300,
    id: 0x1d5f92de,
    tcp_state: "ESTABLISHED",
  });
  assert.ok(reader.read(udp!));
  assert.equal(reader.address_bytes, 16);
  assert.equal(reader.mark, 0);
  assert.equal(reader.tcp_state, undefined);
});

Deno.test("what is about no entry, or cut short anywhere, is told to be something else", () => {
  assert.deepEqual(told(GENERATION), ["other"]);
  assert.deepEqual(told(ACK), ["other"]);
  for (const sample of EVENT_SAMPLES) {
    for (let length = 1; length < sample.length; length++) {
      assert.deepEqual(told(sample.subarray(0, length)), ["other"], `${length} bytes`);
    }
  }
});

Deno.test("an entry whose addresses are of two lengths is none", () => {
  const mixed = BEGUN_UDP6.slice();
  const destination_at = mixed.findIndex((_, at) =>
    mixed[at] === 0x14 && mixed[at + 2] === 4 && mixed[at + 3] === 0
  );
  mixed[destination_at + 2] = 9;
  assert.deepEqual(told(mixed), ["other"]);
});

Deno.test("an attribute type beyond a byte is not taken for a way into another attribute", () => {
  // 0x0101, with a source address inside, where CTA_TUPLE_ORIG → CTA_TUPLE_IP would have one.
  const changed = concat(BEGUN, bytes("0c00 0101 0800 0100 0a0a0a0a"));
  changed[0] = changed.length;
  assert.deepEqual(told(changed), told(BEGUN));
});

Deno.test("a datagram outside of the buffer is refused", () => {
  const view = new DataView(new ArrayBuffer(16));
  for (const [start, length] of [[0, 17], [-1, 4], [16, 1]] as const) {
    assert.throws(() => new EventReader().begin(view, start, length), RangeError);
  }
});
