import assert from "node:assert/strict";
import { KernelError } from "../../../lib/model/error.ts";
import { DecodeError, encodeMessage, type Message } from "../../../lib/netlink/codec.ts";
import { NETLINK_ROUTE, withNetlink } from "../../../lib/netlink/request.ts";
import { ACK, DONE, GENERATION, REFUSED_ADDRESS, REFUSED_DELETE } from "./samples.ts";
import { ScriptedSockets } from "./scripted_socket.ts";

const REQUEST = { operation: "add", object: "thing", type: 20, header: new Uint8Array(4) };
const NLM_F_DUMP_INTR = 0x10;

Deno.test("a request asks for an acknowledgement and hands on what comes before it", () => {
  const sockets = new ScriptedSockets(GENERATION, ACK);
  const types: number[] = [];
  withNetlink(
    sockets,
    NETLINK_ROUTE,
    (connection) => connection.transact(REQUEST, ({ type }) => types.push(type)),
  );
  assert.deepEqual(types, [0x0a0f]);
  assert.deepEqual(sockets.sent.map(flagsOf), [0x5]);
  assert.equal(sockets.open, 0);
});

Deno.test("requests on one connection have numbers of their own, and late answers are passed over", () => {
  const stale = data(1, "stale");
  const fresh = data(2, "fresh");
  const sockets = new ScriptedSockets(ACK, stale, ACK, fresh, outcome(2));
  const seen: string[] = [];
  withNetlink(sockets, NETLINK_ROUTE, (connection) => {
    connection.transact(REQUEST);
    connection.transact(REQUEST, (message) => seen.push(textOf(message)));
  });
  assert.deepEqual(sockets.sent.map(sequenceOf), [1, 2]);
  assert.deepEqual(seen, ["fresh"]);
});

Deno.test("a refusal carries operation, object, errno and the kernel's words", () => {
  const sockets = new ScriptedSockets(REFUSED_ADDRESS);
  assert.throws(
    () => withNetlink(sockets, NETLINK_ROUTE, (connection) => connection.transact(REQUEST)),
    (error) => {
      assert.ok(error instanceof KernelError);
      assert.deepEqual(error.refusal, {
        operation: "add",
        object: "thing",
        errno: "EEXIST",
        message: "ipv4: Address already assigned",
      });
      return true;
    },
  );
  assert.equal(sockets.open, 0, "the socket is closed");
});

Deno.test("a dump ends with DONE and collects over several datagrams", () => {
  const sockets = new ScriptedSockets(join(data(1, "a"), data(1, "b")), data(1, "c"), DONE);
  assert.deepEqual(dumpTexts(sockets), ["a", "b", "c"]);
  assert.deepEqual(sockets.sent.map(flagsOf), [0x301]);
});

Deno.test("a dump that was interrupted begins again with nothing", () => {
  for (
    const interrupted of [[data(1, "old", NLM_F_DUMP_INTR), DONE], [
      data(1, "old"),
      outcome(1, 3, NLM_F_DUMP_INTR),
    ]]
  ) {
    const sockets = new ScriptedSockets(...interrupted, data(2, "new"), outcome(2, 3));
    assert.deepEqual(dumpTexts(sockets), ["new"]);
    assert.equal(sockets.sent.length, 2);
  }
});

Deno.test("a dump that is always interrupted is given up on", () => {
  const answers = Array.from({ length: 50 }, (_, index) => outcome(index + 1, 3, NLM_F_DUMP_INTR));
  const sockets = new ScriptedSockets(...answers);
  assert.throws(() => dumpTexts(sockets), isRefusal("EINTR"));
  assert.equal(sockets.sent.length, 30);
});

Deno.test("a dump can be refused", () => {
  assert.throws(() => dumpTexts(new ScriptedSockets(REFUSED_DELETE)), isRefusal("ENOENT"));
});

Deno.test("silence is the socket's error", () => {
  const sockets = new ScriptedSockets();
  assert.throws(() => dumpTexts(sockets), isRefusal("ETIMEDOUT"));
  assert.equal(sockets.open, 0);
});

Deno.test("a socket that only has answers to others is given up on", () => {
  const answers = Array.from({ length: 2_000 }, () => data(99, "other"));
  assert.throws(() => dumpTexts(new ScriptedSockets(...answers)), DecodeError);
});

Deno.test("an empty datagram is an error", () => {
  assert.throws(() => dumpTexts(new ScriptedSockets(new Uint8Array())), DecodeError);
});

function dumpTexts(sockets: ScriptedSockets): string[] {
  return withNetlink(
    sockets,
    NETLINK_ROUTE,
    (connection) =>
      connection.dump(
        REQUEST,
        () => new Array<string>(),
        (texts, message) => texts.push(textOf(message)),
      ),
  );
}

function isRefusal(errno: string) {
  return (error: unknown) => error instanceof KernelError && error.refusal.errno === errno;
}

function data(sequence: number, text: string, flags = 0): Uint8Array {
  return encodeMessage({
    type: 16,
    flags: flags | 2,
    sequence,
    header: new TextEncoder().encode(text),
  });
}

/** An NLMSG_ERROR (2) or NLMSG_DONE (3) without an error. */
function outcome(sequence: number, type = 2, flags = 0): Uint8Array {
  return encodeMessage({ type, flags, sequence, header: new Uint8Array(20) });
}

function textOf({ body }: Message): string {
  const bytes = new Uint8Array(body.buffer, body.byteOffset, body.byteLength);
  return new TextDecoder().decode(bytes).replaceAll("\0", "");
}

function flagsOf(bytes: Uint8Array): number {
  return new DataView(bytes.buffer).getUint16(6, true);
}

function sequenceOf(bytes: Uint8Array): number {
  return new DataView(bytes.buffer).getUint32(8, true);
}

function join(...parts: Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}
