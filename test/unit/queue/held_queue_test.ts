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

Deno.test("what waits is let go on when nothing was answered for 300 ms, and not before", () => {
  const { socket, did } = fakeSocket();
  const held = new HeldQueue(7, socket);
  const stalled = (waiting: number, id_sequence: number, now_ms: number) =>
    held.releaseStalled({ waiting, id_sequence }, now_ms);
  assert.equal(stalled(5, 10, 0), 0);
  assert.equal(stalled(8, 13, 299), 0);
  assert.deepEqual(did, []);
  assert.equal(stalled(8, 13, 300), 8);
  assert.deepEqual(did, [RELEASE]);
});

Deno.test("a queue that moves is left alone, however much waits", () => {
  const { socket, did } = fakeSocket();
  const held = new HeldQueue(7, socket);
  for (let turn = 0; turn < 50; turn++) {
    held.releaseStalled({ waiting: 200, id_sequence: 200 + turn }, turn * 100);
  }
  held.releaseStalled({ waiting: 0, id_sequence: 250 }, 9_000);
  assert.equal(held.releaseStalled({ waiting: 3, id_sequence: 253 }, 9_100), 0);
  assert.deepEqual(did, []);
});

Deno.test("a queue whose first packet waits is not stalled yet", () => {
  const held = new HeldQueue(7, fakeSocket().socket);
  assert.equal(held.releaseStalled({ waiting: 1, id_sequence: 1 }, 5_000), 0);
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
