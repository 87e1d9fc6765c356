/**
 * Test equipment: netlink bytes by hand, so that a fault in lib/netlink does not cancel itself out.
 * Numbers are little-endian unless a name says `be`.
 */
import type { RawSocket } from "../../lib/sys/ports.ts";

const HEADER_BYTES = 16;
const DATAGRAM_BYTES = 32 * 1024;
const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
const NLM_F_DUMP = 0x300;

/** A request, taken apart as far as its family's own header. */
export interface Asked {
  readonly type: number;
  /** Behind the netlink header. */
  readonly body: Uint8Array;
}

/** What a fake kernel does with a request: the messages it answers, or a negative errno. */
export type Answer = number | readonly Message[];

export interface Message {
  readonly type: number;
  readonly body: Uint8Array;
}

/** A netlink socket in front of a function. */
export class FakeSocket implements RawSocket {
  readonly #answer: (asked: Asked) => Answer;
  readonly #transact: (parts: readonly Asked[]) => number;
  readonly #waiting: Uint8Array[] = [];

  /**
   * @param transact carries out what is sent in one piece; answers 0 or a negative errno
   */
  constructor(
    answer: (asked: Asked) => Answer,
    transact: (parts: readonly Asked[]) => number = noTransactions,
  ) {
    this.#answer = answer;
    this.#transact = transact;
  }

  send(bytes: Uint8Array): void {
    const messages = messagesOf(bytes);
    if (messages.length === 1) return this.#sendOne(bytes);
    const parts = messages.map((each) => ({
      type: viewOf(each).getUint16(4, true),
      body: each.slice(HEADER_BYTES),
    }));
    const code = this.#transact(parts.slice(1, -1));
    // A refusal is told of the first that asked for something, and the last of those is acknowledged.
    for (const [each, told] of [[messages[1]!, code], [messages.at(-2)!, 0]] as const) {
      const sequence = viewOf(each).getUint32(8, true);
      const body = joined(i32(told), each.slice(0, HEADER_BYTES));
      this.#waiting.push(message(NLMSG_ERROR, sequence, body));
    }
  }

  #sendOne(bytes: Uint8Array): void {
    const view = viewOf(bytes);
    const [type, flags] = [view.getUint16(4, true), view.getUint16(6, true)];
    const sequence = view.getUint32(8, true);
    const isDump = (flags & NLM_F_DUMP) === NLM_F_DUMP;
    const answer = this.#answer({ type, body: bytes.slice(HEADER_BYTES) });
    const messages = typeof answer === "number" ? [] : answer;
    const code = typeof answer === "number" ? answer : 0;
    const end = isDump && code === 0
      ? message(NLMSG_DONE, sequence, u32(0))
      : message(NLMSG_ERROR, sequence, joined(i32(code), bytes.slice(0, HEADER_BYTES)));
    const told = messages.map(({ type, body }) => message(type, sequence, body));
    this.#waiting.push(...datagrams([...told, end]));
  }

  receive(): Uint8Array {
    const answer = this.#waiting.shift();
    if (!answer) throw new Error("nothing was asked, so the fake kernel has nothing to say");
    return answer;
  }

  close(): void {
    this.#waiting.length = 0;
  }
}

function noTransactions(): never {
  throw new SyntaxError("this fake kernel takes no transactions");
}

function messagesOf(bytes: Uint8Array): Uint8Array[] {
  const messages: Uint8Array[] = [];
  for (let at = 0; at < bytes.length;) {
    const length = viewOf(bytes).getUint32(at, true);
    messages.push(bytes.slice(at, at + length));
    at += (length + 3) & ~3;
  }
  return messages;
}

/** As many messages in each as the kernel puts into one. */
function datagrams(messages: readonly Uint8Array[]): Uint8Array[] {
  const filled: Uint8Array[][] = [];
  let room = 0;
  for (const message of messages) {
    if (message.length > room) {
      filled.push([]);
      room = DATAGRAM_BYTES;
    }
    room -= message.length;
    filled.at(-1)!.push(message);
  }
  return filled.map((parts) => joined(...parts));
}

/** Attributes by type. Nested ones are taken apart by calling it again. */
export function attributesOf(bytes: Uint8Array): Map<number, Uint8Array> {
  const view = viewOf(bytes);
  const found = new Map<number, Uint8Array>();
  for (let at = 0; at < bytes.length;) {
    const length = view.getUint16(at, true);
    found.set(view.getUint16(at + 2, true) & 0x3fff, bytes.slice(at + 4, at + length));
    at += (length + 3) & ~3;
  }
  return found;
}

/** The values of a list, which has one attribute for each. */
export function listOf(bytes: Uint8Array): Uint8Array[] {
  const view = viewOf(bytes);
  const found: Uint8Array[] = [];
  for (let at = 0; at < bytes.length;) {
    const length = view.getUint16(at, true);
    found.push(bytes.slice(at + 4, at + length));
    at += (length + 3) & ~3;
  }
  return found;
}

/** @throws {RangeError} where it is longer than its 16 bits can say */
export function attribute(type: number, value: Uint8Array): Uint8Array {
  if (value.length > 0xffff - 4) throw new RangeError(`an attribute of ${value.length} bytes`);
  const bytes = new Uint8Array((4 + value.length + 3) & ~3);
  viewOf(bytes).setUint16(0, 4 + value.length, true);
  viewOf(bytes).setUint16(2, type, true);
  bytes.set(value, 4);
  return bytes;
}

export function joined(...parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

export function u8(value: number): Uint8Array {
  return Uint8Array.of(value);
}

export function u16(value: number): Uint8Array {
  return numbered(2, (view) => view.setUint16(0, value, true));
}

export function u64(value: number): Uint8Array {
  return numbered(8, (view) => view.setBigUint64(0, BigInt(value), true));
}

/** With a NUL behind it. */
export function text(value: string): Uint8Array {
  return new TextEncoder().encode(`${value}\0`);
}

/** The text before its NUL. */
export function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes).replace(/\0$/, "");
}

export function u32(value: number): Uint8Array {
  return numbered(4, (view) => view.setUint32(0, value, true));
}

export function i32(value: number): Uint8Array {
  return numbered(4, (view) => view.setInt32(0, value, true));
}

export function u32be(value: number): Uint8Array {
  return numbered(4, (view) => view.setUint32(0, value));
}

export function u64be(value: number): Uint8Array {
  return numbered(8, (view) => view.setBigUint64(0, BigInt(value)));
}

export function u16be(value: number): Uint8Array {
  return numbered(2, (view) => view.setUint16(0, value));
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function numbered(size: number, write: (view: DataView) => void): Uint8Array {
  const bytes = new Uint8Array(size);
  write(viewOf(bytes));
  return bytes;
}

function message(type: number, sequence: number, body: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES + body.length);
  const view = viewOf(bytes);
  view.setUint32(0, bytes.length, true);
  view.setUint16(4, type, true);
  view.setUint32(8, sequence, true);
  bytes.set(body, HEADER_BYTES);
  return bytes;
}
