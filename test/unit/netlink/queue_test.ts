import assert from "node:assert/strict";
import fc from "fast-check";
import { KernelError } from "../../../lib/model/error.ts";
import { concat } from "../../../lib/model/bytes.ts";
import { encodeMessage } from "../../../lib/netlink/codec.ts";
import { bindRequest } from "../../../lib/netlink/queue/config.ts";
import { DROP, QueueListener } from "../../../lib/netlink/queue/listener.ts";
import { NFQA_CFG_F_GSO } from "../../../lib/netlink/queue/protocol.ts";
import { type QueueMessage, QueueReader } from "../../../lib/netlink/queue/reader.ts";
import { queueStatistics } from "../../../lib/netlink/queue/statistics.ts";
import { VERDICT_BYTES, VerdictBatch } from "../../../lib/netlink/queue/verdict.ts";
import * as Q from "./queue_samples.ts";
import { ACK, bytes } from "./samples.ts";
import { ScriptedBatches } from "./scripted_batches.ts";

const CONFIG = { queue: 300, length_max: 256, timeout_ms: 100 };

/** The acknowledgement of what has sequence 1. */
const BOUND = ACK;
const BUSY = ACK.with(16, 0xff).fill(0xff, 17, 20);

Deno.test("a queue is bound with its mode, range, length and flags in one message", () => {
  assert.deepEqual(
    encodeMessage({ ...bindRequest(CONFIG), flags: 5, sequence: 1 }),
    bytes(`
      40000000 0203 0500 01000000 00000000  # nlmsghdr: 64 bytes, NFQNL_MSG_CONFIG, acknowledged
      00 00 012c                            # nfgenmsg: queue 300
      0800 0100 01 00 0000                  # NFQA_CFG_CMD: NFQNL_CFG_CMD_BIND
      0900 0200 00000080 02 000000          # NFQA_CFG_PARAMS: 128 bytes, NFQNL_COPY_PACKET, padded
      0800 0300 00000100                    # NFQA_CFG_QUEUE_MAXLEN 256
      0800 0400 00000005                    # NFQA_CFG_MASK
      0800 0500 00000005                    # NFQA_CFG_FLAGS: FAIL_OPEN, GSO
    `),
  );
});

Deno.test("a flag that is left out is switched off", () => {
  const message = encodeMessage({
    ...bindRequest({ ...CONFIG, flags: NFQA_CFG_F_GSO }),
    flags: 5,
    sequence: 1,
  });
  assert.deepEqual(message.subarray(-16), bytes("0800 0400 00000005 0800 0500 00000004"));
});

Deno.test("verdicts lie behind each other, each with its mark", () => {
  const verdicts = new VerdictBatch(300, 64);
  verdicts.add(77, 1, 0x1234);
  verdicts.add(0xffff_ffff, 0, -1);
  assert.deepEqual(
    verdicts.bytes.subarray(0, verdicts.length),
    bytes(`
      28000000 0103 0100 00000000 00000000  # nlmsghdr: 40 bytes, NFQNL_MSG_VERDICT
      00 00 012c                            # nfgenmsg: queue 300
      0c00 0200 00000001 0000004d           # NFQA_VERDICT_HDR: NF_ACCEPT, 77
      0800 0300 00001234                    # NFQA_MARK
      28000000 0103 0100 00000000 00000000 00 00 012c
      0c00 0200 00000000 ffffffff 0800 0300 ffffffff
    `),
  );
  verdicts.clear();
  assert.equal(verdicts.length, 0);
});

Deno.test("a batch of verdicts is full where its places are, and says so before it fails", () => {
  const verdicts = new VerdictBatch(7, 2);
  verdicts.add(1, 1, 0);
  assert.ok(!verdicts.isFull);
  verdicts.add(2, 1, 0);
  assert.ok(verdicts.isFull);
  assert.throws(() => verdicts.add(3, 1, 0), RangeError);
});

Deno.test("a packet is read with all that the kernel says of it", () => {
  assert.deepEqual(read(Q.SYN4), [{
    ...{ kind: "packet", queue: 300, id: 1, hook: 0, hw_protocol: 0x0800, mark: 0x00ab0000 },
    ...{ ifindex: 3, start: 76, end: 136, length: 60, skb_info: 4 },
  }]);
});

Deno.test("what is not told of a packet is not left from the one before", () => {
  const [, output] = read(Q.SYN4, Q.OUTPUT4);
  assert.deepEqual(output, {
    ...{ kind: "packet", queue: 7, id: 1, hook: 3, hw_protocol: 0x0800, mark: 0 },
    ...{ ifindex: 0, start: 52 + Q.SYN4.length, end: 112 + Q.SYN4.length, length: 60, skb_info: 1 },
  });
});

Deno.test("of a packet that was not copied whole, its length is told", () => {
  const [packet] = read(Q.CAPPED);
  assert.ok(packet?.kind === "packet");
  assert.deepEqual([packet.end - packet.start, packet.length], [128, 228]);
});

Deno.test("several messages of one datagram are read one by one, though the last is not padded", () => {
  const odd = unpadded(Q.SCTP4, 31);
  const kinds = readDatagram(concat(padded(odd), Q.REFUSED_VERDICT, odd));
  assert.deepEqual(kinds.map(({ kind }) => kind), ["packet", "answer", "packet"]);
  const [first, answer, last] = kinds;
  assert.ok(first?.kind === "packet" && last?.kind === "packet" && answer?.kind === "answer");
  assert.deepEqual([first.length, last.length], [31, 31]);
  assert.deepEqual([answer.sequence, answer.errno], [0, 1]);
});

Deno.test("a packet's id is found wherever its message is cut off behind it, and nothing that is not there", () => {
  const ID_END = 31;
  for (let length = 0; length < Q.SYN4.length; length++) {
    const [message] = readDatagram(Q.SYN4.subarray(0, length));
    if (length < ID_END) assert.notEqual(message?.kind, "packet", `${length} bytes`);
    else assert.ok(message?.kind === "packet" && message.id === 1, `${length} bytes`);
    if (message?.kind === "packet") {
      assert.ok(message.end <= length && message.start <= message.end);
    }
  }
});

Deno.test("id 0, which comes after 2^32 packets, is one like any other", () => {
  const [message] = read(Q.SYN4.slice().fill(0, 24, 28));
  assert.ok(message?.kind === "packet" && message.id === 0);
});

Deno.test("whatever is read, a packet lies inside of its datagram and the walk ends", () => {
  const datagram = fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc.tuple(
      fc.constantFrom(...Q.QUEUE_SAMPLES),
      fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 6 }),
    )
      .map(([sample, changes]) =>
        changes.reduce((bytes, [at, value]) => bytes.with(at % bytes.length, value), sample)
      ),
  );
  fc.assert(
    fc.property(datagram, fc.nat(64), (datagram, before) => {
      for (const message of readAmong(datagram, before)) {
        if (message.kind !== "packet") continue;
        const { start, end } = message;
        assert.ok(start === 0 && end === 0 || before <= start && start <= end);
        assert.ok(end <= before + datagram.length);
      }
      assert.deepEqual(
        readAmong(datagram, before).map((message) => shifted(message, before)),
        readDatagram(datagram).map((message) => shifted(message, 0)),
      );
    }),
    { numRuns: 5_000 },
  );
});

Deno.test("a datagram outside of the buffer is refused, before anything of it is read", () => {
  const reader = new QueueReader(new Uint8Array(64));
  for (const [start, length] of [[0, 65], [60, 5], [-1, 4], [0, -1]] as const) {
    assert.throws(() => reader.begin(start, length), RangeError);
  }
  reader.begin(64, 0);
  assert.equal(reader.next(), undefined);
});

Deno.test("the packets of a batch get their verdicts in one send", () => {
  const sockets = new ScriptedBatches([BOUND], [Q.SYN4, Q.SYN6, Q.CAPPED]);
  const listener = new QueueListener(sockets, CONFIG);
  const marks: Readonly<Record<number, number>> = { 1: 0x100, 2: DROP, 3: 0xffff_ffff };
  assert.equal(listener.serve(({ id }) => marks[id]!), 3);
  assert.equal(sockets.sent.length, 2, "one to bind, one with the verdicts");
  assert.deepEqual(verdictsOf(sockets.sent[1]!), [
    [1, 1, 0x100],
    [0, 2, 0x00ab0000],
    [1, 3, 0xffff_ffff],
  ]);
  assert.equal(listener.serve(() => 0), 0, "the time-out");
  assert.equal(sockets.sent.length, 2, "nothing is sent where there is nothing to say");
  listener.close();
  assert.equal(sockets.open, 0);
});

Deno.test("the judge finds the packet where the listener says it lies", () => {
  const sockets = new ScriptedBatches([BOUND], [Q.SYN4, Q.SYN6]);
  const listener = new QueueListener(sockets, CONFIG);
  const tcpBytes = [40, 28];
  const ports: number[] = [];
  listener.serve(({ end, mark }) => {
    ports.push(listener.view.getUint16(end - tcpBytes[ports.length]!));
    return mark;
  });
  assert.deepEqual(ports, [40_000, 40_000]);
});

Deno.test("a packet that comes before the queue's acknowledgement goes on as it is", () => {
  const sockets = new ScriptedBatches([Q.SYN4], [Q.SYN6, BOUND, Q.CAPPED]);
  new QueueListener(sockets, CONFIG);
  const [, ...verdicts] = sockets.sent;
  assert.deepEqual(verdicts.flatMap(verdictsOf).map(([verdict, id]) => [verdict, id]), [[1, 1], [
    1,
    2,
  ], [1, 3]]);
});

Deno.test("a queue that somebody else listens to is refused by name, and the socket closed", () => {
  const sockets = new ScriptedBatches([BUSY]);
  assert.throws(() => new QueueListener(sockets, CONFIG), (error) => {
    assert.ok(error instanceof KernelError);
    assert.equal(error.refusal.errno, "EPERM");
    assert.match(error.message, /netfilter queue 300: somebody else listens/);
    return true;
  });
  assert.equal(sockets.open, 0);
});

Deno.test("a kernel that never answers is not waited for", () => {
  const sockets = new ScriptedBatches();
  assert.throws(() => new QueueListener(sockets, CONFIG), /ETIMEDOUT/);
  assert.equal(sockets.open, 0);
});

Deno.test("refused verdicts are counted, and no packets", () => {
  const listener = new QueueListener(
    new ScriptedBatches([BOUND], [Q.REFUSED_VERDICT, Q.SYN4]),
    CONFIG,
  );
  assert.equal(listener.serve(() => 0), 2);
  assert.deepEqual([listener.packets, listener.refused], [1, 1]);
});

Deno.test("more packets than there is room for verdicts still get all of them", () => {
  const crowd = concat(...Array.from({ length: 4 }, () => Q.SCTP4));
  const batch = Array.from({ length: 64 }, () => crowd);
  const sockets = new ScriptedBatches([BOUND], batch);
  const listener = new QueueListener(sockets, CONFIG);
  listener.serve(() => 0);
  assert.equal(listener.packets, 256);
  assert.equal(sockets.sent.slice(1).flatMap(verdictsOf).length, 256);
});

Deno.test("while packets come alone a second is looked for now and then, and always while they do not", () => {
  const lone = Array.from({ length: 64 }, () => [Q.SYN4]);
  const sockets = new ScriptedBatches([BOUND], ...lone, ...Array(20).fill([Q.SYN4, Q.SYN6]));
  const listener = new QueueListener(sockets, CONFIG);
  const serve = (times: number) => {
    sockets.asked.length = 0;
    for (let time = 0; time < times; time++) listener.serve(({ mark }) => mark);
    return sockets.asked.filter((most) => most > 1).length;
  };
  assert.equal(serve(64), 8);
  assert.ok(serve(8) >= 1, "that they come together is noticed");
  assert.equal(serve(4), 4);
});

Deno.test("every message fits its place, whatever of its packet is to be copied", () => {
  const sockets = new ScriptedBatches([BOUND]);
  new QueueListener(sockets, { ...CONFIG, copy_bytes: 1000 });
  assert.ok(sockets.options!.datagram_bytes >= 1000 + 300);
});

Deno.test("statistics are those of the kernel's file, by number", () => {
  const text = "  300   7123     2 2   128     5     6     1234  1\n" +
    "    7 4294928278    64 2 65531     0     0 4294967295  1\n";
  assert.deepEqual(queueStatistics({ read: () => text }), [
    {
      ...{ queue: 7, peer_portid: 4294928278, waiting: 64, copy_mode: 2, copy_bytes: 65531 },
      ...{ dropped_full: 0, dropped_user: 0, id_sequence: 4294967295 },
    },
    {
      ...{ queue: 300, peer_portid: 7123, waiting: 2, copy_mode: 2, copy_bytes: 128 },
      ...{ dropped_full: 5, dropped_user: 6, id_sequence: 1234 },
    },
  ]);
  assert.deepEqual(queueStatistics({ read: () => "" }), []);
  assert.equal(queueStatistics({ read: () => undefined }), undefined);
});

/** A message that was read: a copy, for the reader's own fields change with the next. */
type Read =
  | { kind: "packet"; id: number; start: number; end: number; length: number }
  | { kind: "answer"; sequence: number; errno: number }
  | { kind: "other" };

function messageOf(kind: QueueMessage, reader: QueueReader): Read {
  if (kind === "other") return { kind };
  const { sequence, errno, ...packet } = { ...reader };
  return kind === "packet" ? { kind, ...packet } : { kind, sequence, errno };
}

/** All messages of datagrams that lie behind each other. */
function read(...datagrams: readonly Uint8Array[]): Read[] {
  const reader = new QueueReader(concat(...datagrams));
  let at = 0;
  return datagrams.flatMap(({ length }) => {
    reader.begin(at, length);
    at += length;
    return readAll(reader);
  });
}

function readAll(reader: QueueReader): Read[] {
  const messages: Read[] = [];
  for (let kind = reader.next(); kind !== undefined; kind = reader.next()) {
    messages.push(messageOf(kind, reader));
  }
  return messages;
}

function readDatagram(datagram: Uint8Array): Read[] {
  const reader = new QueueReader(datagram.slice());
  reader.begin(0, datagram.length);
  return readAll(reader);
}

/** The same where other bytes lie around it. */
function readAmong(datagram: Uint8Array, before: number): Read[] {
  const among = new Uint8Array(before + datagram.length + 64).fill(0x5a);
  among.set(datagram, before);
  const reader = new QueueReader(among);
  reader.begin(before, datagram.length);
  return readAll(reader);
}

function shifted(message: Read, by: number): Read {
  if (message.kind !== "packet" || message.end === 0) return message;
  return { ...message, start: message.start - by, end: message.end - by };
}

/** The packet's message with so much less payload that its length is no multiple of 4. */
function unpadded(message: Uint8Array, payload_bytes: number): Uint8Array {
  const odd = message.slice(0, 76 + payload_bytes);
  const view = new DataView(odd.buffer);
  view.setUint32(0, odd.length, true);
  view.setUint16(72, payload_bytes + 4, true);
  return odd;
}

function padded(message: Uint8Array): Uint8Array {
  return concat(message, new Uint8Array(-message.length & 3));
}

/** Verdict, id and mark of each of them. */
function verdictsOf(sent: Uint8Array): number[][] {
  const view = new DataView(sent.buffer, sent.byteOffset, sent.byteLength);
  return Array.from({ length: sent.length / VERDICT_BYTES }, (_, index) => {
    const at = index * VERDICT_BYTES;
    return [24, 28, 36].map((offset) => view.getUint32(at + offset));
  });
}
