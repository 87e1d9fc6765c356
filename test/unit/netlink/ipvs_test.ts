import assert from "node:assert/strict";
import { KernelError } from "../../../lib/model/error.ts";
import { DecodeError, readMessages } from "../../../lib/netlink/codec.ts";
import { GENLMSGHDR_BYTES } from "../../../lib/netlink/genetlink.ts";
import { type IpvsConnection, loadIpvs, withIpvs } from "../../../lib/netlink/ipvs/connection.ts";
import { type Destination, readDestination } from "../../../lib/netlink/ipvs/destination.ts";
import {
  readService,
  type ServiceKey,
  serviceKeyText,
  type VirtualService,
} from "../../../lib/netlink/ipvs/service.ts";
import * as sample from "./ipvs_samples.ts";
import { bytes } from "./samples.ts";
import { ScriptedSockets } from "./scripted_socket.ts";

const WEB: ServiceKey = {
  protocol: "tcp",
  address: { family: 4, text: "203.0.113.10" },
  port: 80,
};

const BACKEND: Destination = {
  key: { address: { family: 4, text: "198.51.100.11" }, port: 8080 },
  forwarding: "nat",
  weight: 3,
  upper_threshold: 100,
  lower_threshold: 90,
  tunnel_type: 0,
};

/** What is asked and answered once the family is found. */
function ask<T>(act: (ipvs: IpvsConnection) => T, ...answers: readonly Uint8Array[]) {
  const sockets = new ScriptedSockets(sample.FAMILIES, sample.FAMILIES_DONE, ...answers);
  const result = withIpvs(sockets, act);
  assert.deepEqual([sockets.protocols, sockets.open], [[16], 0]);
  return { result, sent: sockets.sent[1]! };
}

Deno.test("IPVS is looked for in the list of all families: asking by name would load it", () => {
  const sockets = new ScriptedSockets(sample.FAMILIES, sample.FAMILIES_DONE);
  withIpvs(sockets, () => {});
  assert.deepEqual(sockets.sent, [
    bytes("14000000 1000 0103 01000000 00000000  03 01 0000"),
  ]);
});

Deno.test("a kernel without IPVS is asked nothing more", () => {
  const other = bytes(`
    28000000 1000 0200 01000000 9e020000 01 02 0000 0b00 0200 6e6c6374726c00 00 0600 0100 1000 0000
  `);
  const sockets = new ScriptedSockets(other, sample.FAMILIES_DONE);
  assert.equal(withIpvs(sockets, () => assert.fail("it is not there")), undefined);
  assert.equal(sockets.sent.length, 1);
});

Deno.test("IPVS is loaded by asking for it by name", () => {
  const ack = bytes(`
    24000000 0200 0001 01000000 9e020000 00000000  14000000 1000 0500 01000000 00000000
  `);
  const sockets = new ScriptedSockets(sample.FAMILIES.slice(0x28), ack);
  loadIpvs(sockets);
  assert.deepEqual(sockets.sent, [
    bytes("20000000 1000 0500 01000000 00000000  03 01 0000  0900 0200 4950565300 000000"),
  ]);
  const missing = bytes(`
    24000000 0200 0001 01000000 9e020000 feffffff  14000000 1000 0500 01000000 00000000
  `);
  assert.throws(
    () => loadIpvs(new ScriptedSockets(missing)),
    (error) => error instanceof KernelError && error.refusal.errno === "ENOENT",
  );
});

Deno.test("a service has key, scheduler, all its flags, time-out and mask", () => {
  const { result } = ask((ipvs) => ipvs.services(), sample.SERVICE, sample.DONE);
  assert.deepEqual(result, [
    { key: WEB, scheduler: "wrr", flags: 0xb1abcd03, timeout_s: 300, mask: 24 },
  ]);
});

Deno.test("a service by mark has neither address nor protocol, and an IPv6 mask is a length", () => {
  const { result } = ask((ipvs) => ipvs.services(), sample.FWMARK_SERVICE, sample.DONE);
  const key = { family: 6, fwmark: 7 } as const;
  assert.deepEqual(result, [{ key, scheduler: "mh", flags: 0x1a, timeout_s: 0, mask: 128 }]);
  assert.equal(serviceKeyText(key), "fwmark 7 IPv6");
});

Deno.test("a backend has what can be set, and what was counted", () => {
  const { result, sent } = ask((ipvs) => ipvs.destinations(WEB), sample.DESTINATION, sample.DONE);
  assert.deepEqual(result, [{
    ...BACKEND,
    active_connections: 1,
    inactive_connections: 1,
    new_connections: 2,
    bytes_in: 390,
    bytes_out: 281,
  }]);
  assert.deepEqual(
    sent,
    bytes(`
      44000000 1c00 0103 02000000 00000000
      08 01 0000                                   # IPVS_CMD_GET_DEST
      3000 0180                                    # IPVS_CMD_ATTR_SERVICE
      0600 0100 0200 0000 0600 0200 0600 0000
      1400 0300 cb00710a 00000000 00000000 00000000
      0600 0400 0050 0000
    `),
  );
});

Deno.test("a service is written whole, every flag of it", () => {
  const service = { key: WEB, scheduler: "wrr", flags: 0xb1abcd01, timeout_s: 300, mask: 24 };
  const { sent } = ask((ipvs) => ipvs.newService(service, "web"), sample.ACK);
  assert.deepEqual(
    sent,
    bytes(`
      68000000 1c00 0500 02000000 00000000
      01 01 0000                                   # IPVS_CMD_NEW_SERVICE
      5400 0180
      0600 0100 0200 0000 0600 0200 0600 0000
      1400 0300 cb00710a 00000000 00000000 00000000
      0600 0400 0050 0000
      0800 0600 77727200                           # "wrr"
      0c00 0700 01cdabb1 ffffffff                  # flags, and which of them to write: all
      0800 0800 2c010000
      0800 0900 ffffff00
    `),
  );
});

Deno.test("a backend is written whole; its kind of tunnel only where an old kernel would not do", () => {
  const { sent } = ask((ipvs) => ipvs.newDestination(WEB, BACKEND, "b"), sample.ACK);
  const written = bytes(`
    8c000000 1c00 0500 02000000 00000000
    05 01 0000                                     # IPVS_CMD_NEW_DEST
    3000 0180
    0600 0100 0200 0000 0600 0200 0600 0000
    1400 0300 cb00710a 00000000 00000000 00000000
    0600 0400 0050 0000
    4800 0280                                      # IPVS_CMD_ATTR_DEST
    0600 0b00 0200 0000
    1400 0100 c633640b 00000000 00000000 00000000
    0600 0200 1f90 0000
    0800 0300 00000000 0800 0400 03000000
    0800 0500 64000000 0800 0600 5a000000
  `);
  assert.deepEqual(sent, written);
  const gue = { ...BACKEND, forwarding: "tunnel", tunnel_type: 1 } as const;
  const other = ask((ipvs) => ipvs.setDestination(WEB, gue, "b"), sample.ACK).sent;
  assert.deepEqual(other.slice(-8), bytes("0500 0d00 01 000000"));
});

Deno.test("a delete names nothing but keys", () => {
  const { sent } = ask((ipvs) => ipvs.deleteDestination(WEB, BACKEND.key, "b"), sample.ACK);
  assert.deepEqual(
    sent.slice(20 + 0x30),
    bytes(`
      2800 0280
      0600 0b00 0200 0000 1400 0100 c633640b 00000000 00000000 00000000 0600 0200 1f90 0000
    `),
  );
  const service = ask((ipvs) => ipvs.deleteService(WEB, "web"), sample.ACK).sent;
  assert.equal(service.length, 20 + 0x30);
});

Deno.test("what the kernel refuses names operation, object and errno", () => {
  const service = { key: WEB, scheduler: "nope", flags: 0, timeout_s: 0, mask: 32 };
  assert.throws(
    () => ask((ipvs) => ipvs.newService(service, "service web"), sample.REFUSED_SCHEDULER),
    (error) =>
      error instanceof KernelError && error.refusal.errno === "ENOENT" &&
      error.message.startsWith("add service on service web:"),
  );
});

Deno.test("IPv6 keys and masks are written as they are read", () => {
  const key: ServiceKey = {
    protocol: "udp",
    address: { family: 6, text: "2001:db8:1::10" },
    port: 53,
  };
  for (const mask of [1, 64, 128]) {
    const service: VirtualService = { key, scheduler: "rr", flags: 1, timeout_s: 1, mask };
    const { sent } = ask((ipvs) => ipvs.newService(service, "dns"), sample.ACK);
    assert.deepEqual(readService(bodyOf(sent)), service);
  }
});

function bodyOf(message: Uint8Array): DataView {
  return readMessages(message)[0]!.body;
}

Deno.test("a message without a family header is refused by every reader", () => {
  for (const length of [0, 1, GENLMSGHDR_BYTES - 1]) {
    for (const read of [readService, readDestination]) {
      assert.throws(() => read(new DataView(new ArrayBuffer(length))), DecodeError);
    }
  }
});
