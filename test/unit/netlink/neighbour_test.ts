import assert from "node:assert/strict";
import { parseAddress, parsePrefix } from "../../../lib/model/address.ts";
import { DecodeError } from "../../../lib/netlink/codec.ts";
import {
  askNeighbours,
  isReachable,
  listNeighbours,
  type Neighbour,
} from "../../../lib/netlink/route/neighbour.ts";
import { localPrefixes } from "../../../lib/netlink/route/local.ts";
import { routesTo } from "../../../lib/netlink/route/route.ts";
import * as sample from "./samples.ts";
import { ScriptedSockets } from "./scripted_socket.ts";

const ENETUNREACH = 101;
const ENODEV = 19;
const ENOBUFS = 105;

function address(text: string) {
  const parsed = parseAddress(text);
  assert.ok(parsed);
  return parsed;
}

Deno.test("neighbours have interface, address, state and, where known, link address", () => {
  const done = sample.DONE.slice();
  done[8] = 2;
  const sockets = new ScriptedSockets(sample.NEIGHBOURS, sample.DONE, sample.NEIGHBOUR6, done);
  assert.deepEqual(listNeighbours(sockets), [
    {
      ifindex: 7,
      address: address("198.51.100.13"),
      state: 4,
      lladdr: sample.bytes("9a59e917d379"),
    },
    { ifindex: 7, address: address("198.51.100.99"), state: 1 },
    {
      ifindex: 7,
      address: address("2001:db8:b::11"),
      state: 2,
      lladdr: sample.bytes("669c918b654a"),
    },
  ]);
  assert.deepEqual(sockets.sent.map((bytes) => bytes[16]), [2, 10], "one dump a family");
});

Deno.test("a neighbour without an address is an error", () => {
  const bare = sample.NEIGHBOURS.slice(0, 28);
  bare[0] = bare.length;
  assert.throws(() => listNeighbours(new ScriptedSockets(bare, sample.DONE), [4]), DecodeError);
});

Deno.test("packets go out to whom the kernel believes in, and to nobody without a link address", () => {
  const lladdr = sample.bytes("020000000001");
  const of = (state: number, more: Partial<Neighbour> = { lladdr }) =>
    isReachable({ ifindex: 1, address: address("192.0.2.1"), state, ...more });
  const [NONE, INCOMPLETE, REACHABLE, STALE, DELAY, PROBE, FAILED] = [0, 1, 2, 4, 8, 16, 32];
  for (const state of [REACHABLE, STALE, DELAY, PROBE, 0x40, 0x80]) {
    assert.ok(of(state!), `${state}`);
  }
  for (const state of [NONE, INCOMPLETE, FAILED]) assert.ok(!of(state!), `${state}`);
  assert.ok(!of(REACHABLE!, {}));
});

Deno.test("a neighbour is asked for as if a packet went there", () => {
  const sockets = new ScriptedSockets(sample.ACK);
  askNeighbours(sockets, [{ ifindex: 7, address: address("198.51.100.11") }]);
  assert.deepEqual(sockets.sent, [sample.bytes(`
    24000000 1c00 0504 01000000 00000000  # RTM_NEWNEIGH, REQUEST | ACK | CREATE
    02 00 0000 07000000 0000 01 00        # ndmsg: IPv4, interface 7, no state, NTF_USE
    0800 0100 c633640b                    # NDA_DST
  `)]);
});

Deno.test("who cannot be asked holds up no other", () => {
  const second = sample.ACK.slice();
  second[8] = 2;
  const sockets = new ScriptedSockets(refused(ENODEV), second);
  askNeighbours(sockets, [
    { ifindex: 99, address: address("198.51.100.11") },
    { ifindex: 7, address: address("198.51.100.12") },
  ]);
  assert.equal(sockets.sent.length, 2);
});

Deno.test("a route leads by a router or straight there", () => {
  const [byRouter] = routesTo(answering(sample.ROUTE_BY_ROUTER), [address("192.0.2.1")]);
  assert.deepEqual(byRouter, {
    ifindex: 7,
    isLocal: false,
    gateway: address("198.51.100.254"),
  });
  const [onLink] = routesTo(answering(sample.ROUTE_ON_LINK6), [address("2001:db8:b::11")]);
  assert.deepEqual(onLink, { ifindex: 7, isLocal: false });
});

Deno.test("an IPv4 address may be behind a router that has IPv6 alone", () => {
  const via = sample.bytes(`
    3c000000 1800 0000 01000000 a2230000
    02 20 00 00 fe 00 00 01 00020000
    0800 0400 07000000
    1600 1200 0a00 fe800000000000000000000000000001 0000  # RTA_VIA: IPv6, fe80::1
  `);
  const cut = via.slice(0, 16 + 12 + 8 + 24);
  const [route] = routesTo(answering(cut), [address("192.0.2.1")]);
  assert.deepEqual(route?.gateway, address("fe80::1"));
});

Deno.test("an address of this machine is local, and a blackhole no route", () => {
  const typed = (type: number) => {
    const bytes = sample.ROUTE_BY_ROUTER.slice();
    bytes[16 + 7] = type;
    return routesTo(answering(bytes), [address("192.0.2.1")])[0];
  };
  assert.equal(typed(2)?.isLocal, true);
  assert.equal(typed(6), undefined);
});

Deno.test("no way to an address is a result, another refusal an error", () => {
  const [route] = routesTo(new ScriptedSockets(refused(ENETUNREACH)), [address("192.0.2.1")]);
  assert.equal(route, undefined);
  assert.throws(
    () => routesTo(new ScriptedSockets(refused(ENOBUFS)), [address("192.0.2.1")]),
    /ENOBUFS/,
  );
});

/** The answer, then the acknowledgement. */
function answering(answer: Uint8Array): ScriptedSockets {
  return new ScriptedSockets(answer, sample.ACK);
}

function refused(errno: number): Uint8Array {
  const bytes = sample.REFUSED_DELETE.slice();
  new DataView(bytes.buffer).setInt32(16, -errno, true);
  return bytes;
}

Deno.test("a prefix is local by a route for just that prefix", () => {
  const local = (text: string, answer: Uint8Array) =>
    localPrefixes(new ScriptedSockets(answer, sample.ACK), [prefix(text)]).length === 1;
  assert.equal(local("203.0.113.64/28", sample.LOCAL_ROUTE), true);
  assert.equal(local("203.0.113.64/29", sample.LOCAL_ROUTE), false);
  assert.equal(local("198.51.100.0/32", sample.ROUTE_BY_ROUTER), false, "it is another's");
  assert.equal(local("203.0.113.64/28", refused(ENETUNREACH)), false);
  assert.throws(() => local("203.0.113.64/28", refused(ENOBUFS)), /ENOBUFS/);
});

function prefix(text: string) {
  const parsed = parsePrefix(text);
  assert.ok(parsed);
  return parsed;
}
