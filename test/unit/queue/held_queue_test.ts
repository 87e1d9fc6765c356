import assert from "node:assert/strict";
import { HeldQueue } from "../../../lib/queue/held_queue.ts";
import { QueueSet } from "../../../lib/queue/queue_set.ts";
import type { AdoptedSocketsPort, HeldSocket, HeldSocketsPort } from "../../../lib/sys/ports.ts";

/** Test equipment: what is sent by a socket, as types of messages of nfnetlink_queue. */
function fakeSocket() {
  const did: (string | number)[] = [];
  const socket: HeldSocket = {
    fd: 21,
    name: "socket:[1]",
    send: (bytes) => void did.push(bytes[4]!),
    discard: () => void did.push("discard"),
    close: () => void did.push("close"),
  };
  return { socket, did };
}

const [CONFIG, RELEASE] = [2, 3];

/** A line of the kernel's list. */
function listed(queue: number, waiting: number, id_sequence: number): string {
  return `${queue} 123 ${waiting} 2 128 0 0 ${id_sequence} 1\n`;
}

function queueSet(list: () => string) {
  const none = {} as HeldSocketsPort & AdoptedSocketsPort;
  return new QueueSet({ files: { read: list }, heldSockets: none, batchSockets: none });
}

/** A queue that is looked at, and up to which id packets were let go on. */
function watched() {
  const ids: number[] = [];
  const send = (bytes: Uint8Array) => {
    ids.push(new DataView(bytes.buffer, bytes.byteOffset).getUint32(28));
  };
  const held = new HeldQueue(7, { ...fakeSocket().socket, send });
  const look = (now_ms: number, waiting: number, id_sequence: number) =>
    held.releaseOld({ waiting, id_sequence }, now_ms);
  return { look, ids };
}

Deno.test("what has waited for 200 ms is let go on, and what came later is not", () => {
  const { look, ids } = watched();
  assert.equal(look(0, 0, 10), 0);
  assert.equal(look(100, 5, 15), 0);
  assert.equal(look(299, 8, 18), 0);
  assert.equal(look(300, 9, 19), 5);
  assert.equal(look(400, 4, 19), 0);
  assert.equal(look(600, 4, 19), 4);
  assert.deepEqual(ids.slice(-3), [15, 15, 19]);
});

Deno.test("among those that are answered, one that nobody answers is let go on all the same", () => {
  const { look, ids } = watched();
  for (let turn = 0; turn <= 10; turn++) look(turn * 100, 1, 100 + turn * 50);
  assert.deepEqual(ids.slice(-2), [100 + 7 * 50, 100 + 8 * 50]);
});

Deno.test("nothing is let go on while nothing waits, however many packets come", () => {
  const { look, ids } = watched();
  for (let turn = 0; turn < 50; turn++) assert.equal(look(turn * 100, 0, turn * 1_000), 0);
  assert.deepEqual(ids, []);
});

Deno.test("numbers of packets that begin again are no matter", () => {
  const { look, ids } = watched();
  look(0, 3, 2 ** 32 - 2);
  assert.equal(look(300, 5, 3), 0);
  assert.equal(look(301, 8, 3), 3);
  assert.equal(ids.at(-1), 2 ** 32 - 2);
});

Deno.test("a queue whose first packet waits is not looked at too early", () => {
  assert.equal(watched().look(5_000, 1, 1), 0);
});

Deno.test("a queue is given up without a loss: closed for more, emptied, unbound", () => {
  const { socket, did } = fakeSocket();
  new HeldQueue(7, socket).giveUp(() => {
    // What came until it was closed is known only now.
    assert.deepEqual(did, [CONFIG]);
    return { waiting: 2, id_sequence: 9 };
  });
  assert.deepEqual(did, [CONFIG, RELEASE, CONFIG, "close"]);
});

Deno.test("of several queues those are given up that nobody wants, and no others", () => {
  const sockets = [fakeSocket(), fakeSocket(), fakeSocket()];
  const queues = queueSet(() => "");
  sockets.forEach(({ socket }, at) => queues.adopt(7 + at, socket));
  assert.ok(queues.isJust({ first: 7, count: 3 }));
  queues.giveUp({ first: 8, count: 1 });
  assert.ok(queues.isJust({ first: 8, count: 1 }));
  assert.deepEqual(sockets.map(({ did }) => did.includes("close")), [true, false, true]);
});

Deno.test("sockets that somebody has taken are let go of, and their queues stay bound", () => {
  const { socket, did } = fakeSocket();
  const queues = queueSet(() => listed(7, 5, 9));
  queues.adopt(7, socket);
  queues.leave();
  assert.deepEqual([did, queues.bound], [["close"], []]);
});

Deno.test("without a worker all goes on at once, and what it would have read is thrown away", () => {
  const { socket, did } = fakeSocket();
  const queues = queueSet(() => listed(7, 3, 12) + listed(8, 9, 9));
  queues.adopt(7, socket);
  queues.releaseAll();
  assert.deepEqual([did, queues.released], [["discard", RELEASE], 3]);
  assert.deepEqual(queues.status(), [
    { queue: 7, waiting: 3, dropped_full: 0, dropped_user: 0, packets: 12 },
  ]);
});
