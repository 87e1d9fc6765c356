import assert from "node:assert/strict";
import { concat } from "../../../lib/model/bytes.ts";
import { encodeMessage, NLM_F_REQUEST, readMessages } from "../../../lib/netlink/codec.ts";
import { NETLINK_ROUTE } from "../../../lib/netlink/request.ts";
import { batchSockets } from "../../../lib/sys/batch_socket.ts";
import { closeLibc } from "../../../lib/sys/ffi.ts";
import type { BatchOptions, BatchSocket } from "../../../lib/sys/ports.ts";

const RTM_GETLINK = 18;
const LOOPBACK = 1;
const OPTIONS = { datagrams: 4, datagram_bytes: 8192, timeout_ms: 50 };

function withSocket(options: BatchOptions, use: (socket: BatchSocket) => void): void {
  const socket = batchSockets.netlink(NETLINK_ROUTE, options);
  try {
    use(socket);
  } finally {
    socket.close();
    closeLibc();
  }
}

/** Asks for the loopback interface, once for each number, in one datagram; each answer is one of its own. */
function ask(socket: BatchSocket, ...sequences: readonly number[]): void {
  const header = new Uint8Array(16);
  header[4] = LOOPBACK;
  const bytes = concat(
    ...sequences.map((sequence) =>
      encodeMessage({ type: RTM_GETLINK, flags: NLM_F_REQUEST, sequence, header })
    ),
  );
  // What lies behind the length is not sent.
  socket.send(concat(bytes, [1, 2, 3, 4]), bytes.length);
}

function sequencesIn(socket: BatchSocket, count: number): number[] {
  return Array.from({ length: count }, (_, index) => {
    const at = index * socket.stride_bytes;
    const datagram = socket.bytes.subarray(at, at + socket.lengthOf(index));
    return readMessages(datagram).map(({ sequence }) => sequence);
  }).flat();
}

Deno.test("what waits is read at once, each datagram in its place, as many as there are places", () =>
  withSocket(OPTIONS, (socket) => {
    ask(socket, 1, 2, 3);
    assert.deepEqual(sequencesIn(socket, socket.receive()), [1, 2, 3]);
    ask(socket, 4, 5, 6, 7, 8);
    assert.deepEqual(sequencesIn(socket, socket.receive()), [4, 5, 6, 7]);
    assert.deepEqual(sequencesIn(socket, socket.receive()), [8]);
  }));

Deno.test("no more datagrams are read than are asked for, and those that are left come next", () =>
  withSocket(OPTIONS, (socket) => {
    ask(socket, 1, 2, 3);
    assert.deepEqual(sequencesIn(socket, socket.receive(true, 1)), [1]);
    assert.deepEqual(sequencesIn(socket, socket.receive(true, 9)), [2, 3]);
  }));

Deno.test("who has a datagram is not kept waiting for more of them", () =>
  withSocket({ ...OPTIONS, timeout_ms: 2_000 }, (socket) => {
    const begun_ms = performance.now();
    ask(socket, 1);
    assert.equal(socket.receive(), 1);
    assert.ok(performance.now() - begun_ms < 1_000);
  }));

Deno.test("after the time-out there is nothing, and no error", () =>
  withSocket(OPTIONS, (socket) => {
    const begun_ms = performance.now();
    assert.equal(socket.receive(), 0);
    assert.ok(performance.now() - begun_ms > OPTIONS.timeout_ms * 0.9);
  }));

Deno.test("a datagram longer than its place is cut there, and does not reach into the next", () =>
  withSocket({ ...OPTIONS, datagram_bytes: 64 }, (socket) => {
    socket.bytes.fill(0xa5);
    ask(socket, 1);
    assert.equal(socket.receive(), 1);
    assert.equal(socket.lengthOf(0), 64);
    assert.ok(socket.bytes.subarray(64).every((byte) => byte === 0xa5));
  }));

Deno.test("a single place works like many", () =>
  withSocket({ ...OPTIONS, datagrams: 1 }, (socket) => {
    ask(socket, 1, 2);
    assert.deepEqual(sequencesIn(socket, socket.receive()), [1]);
    assert.deepEqual(sequencesIn(socket, socket.receive()), [2]);
  }));

Deno.test("who reads from a closed socket is told so", () =>
  withSocket(OPTIONS, (socket) => {
    socket.close();
    assert.throws(() => socket.receive(), /EBADF/);
  }));
