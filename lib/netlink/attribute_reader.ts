/**
 * Netlink attributes (struct nlattr), read. Pure. Numbers are in the host's byte order, which is
 * little-endian on every machine Deno runs on, unless a name says `be`: network order.
 */
import { LbError } from "../model/error.ts";

/** Bytes of an attribute's header: length and type. */
export const ATTRIBUTE_HEADER_BYTES = 4;

/** Without the flags NLA_F_NESTED (0x8000) and NLA_F_NET_BYTEORDER (0x4000). */
export const NLA_TYPE_MASK = 0x3fff;

/** Made once: a dump has thousands of names. */
const UTF8 = new TextDecoder();

/** A netlink message does not have the form it must have. */
export class DecodeError extends LbError {
  override readonly name = "DecodeError";

  constructor(problem: string) {
    super("bug", `cannot understand the kernel's netlink message: ${problem}`);
  }
}

/** Netlink aligns everything on 4 bytes. */
export function align(length: number): number {
  return (length + 3) & ~3;
}

/**
 * Walks the attributes of a message, from `offset` to its end. The visitor gets a cursor that is only
 * valid until it returns. A value of the wrong size reads as 0 or nothing and is remembered.
 *
 * @throws {DecodeError} at the end, with the first thing that was wrong
 */
export function readAttributes(
  body: DataView,
  offset: number,
  visit: (attribute: AttributeReader) => void,
): void {
  const reader = new AttributeReader(body);
  reader.walk(offset, body.byteLength, visit);
  if (reader.problem) throw new DecodeError(reader.problem);
}

/** The attribute a walk stands on. */
export class AttributeReader {
  readonly #view: DataView;
  #start = 0;
  #end = 0;
  /** Without its flag bits. */
  type = 0;
  /** The first thing that was wrong; nothing is walked after it. */
  problem: string | undefined;

  constructor(view: DataView) {
    this.#view = view;
  }

  walk(start: number, end: number, visit: (attribute: AttributeReader) => void): void {
    let at = start;
    while (at < end && this.problem === undefined && this.#enter(at, end)) {
      const next = align(this.#end);
      visit(this);
      at = next;
    }
  }

  /** Where in the message the value begins and ends: for who reads it without a copy. */
  get start(): number {
    return this.#start;
  }

  get end(): number {
    return this.#end;
  }

  /** Walks the attributes inside this one. */
  nested(visit: (attribute: AttributeReader) => void): void {
    const { type } = this;
    const [start, end] = [this.#start, this.#end];
    this.walk(start, end, visit);
    this.type = type;
    this.#start = start;
    this.#end = end;
  }

  u8(): number {
    return this.#has(1) ? this.#view.getUint8(this.#start) : 0;
  }

  u16(): number {
    return this.#has(2) ? this.#view.getUint16(this.#start, true) : 0;
  }

  u32(): number {
    return this.#has(4) ? this.#view.getUint32(this.#start, true) : 0;
  }

  /** Exact up to 2^53: what counts packets and bytes is far from there. */
  u64(): number {
    return this.#has(8) ? Number(this.#view.getBigUint64(this.#start, true)) : 0;
  }

  u16be(): number {
    return this.#has(2) ? this.#view.getUint16(this.#start) : 0;
  }

  u32be(): number {
    return this.#has(4) ? this.#view.getUint32(this.#start) : 0;
  }

  /** Exact up to 2^53. */
  u64be(): number {
    return this.#has(8) ? Number(this.#view.getBigUint64(this.#start)) : 0;
  }

  /** A copy of the value, which must have `size` bytes where that is given. */
  bytes(size?: number): Uint8Array {
    if (size !== undefined && !this.#has(size)) return new Uint8Array(size);
    const { buffer, byteOffset } = this.#view;
    return new Uint8Array(buffer, byteOffset + this.#start, this.#end - this.#start).slice();
  }

  /** The value up to its first NUL, as UTF-8. */
  text(): string {
    const bytes = this.bytes();
    const end = bytes.indexOf(0);
    return UTF8.decode(end < 0 ? bytes : bytes.subarray(0, end));
  }

  /** Whether the value is these bytes, without a copy of it. */
  equals(expected: Uint8Array): boolean {
    if (this.#end - this.#start !== expected.length) return false;
    for (let at = 0; at < expected.length; at++) {
      if (this.#view.getUint8(this.#start + at) !== expected[at]) return false;
    }
    return true;
  }

  /** Remembers what is wrong with the value; for checks only the visitor can make. */
  fail(problem: string): void {
    this.problem ??= `attribute ${this.type} at byte ${this.#start}: ${problem}`;
  }

  #enter(at: number, end: number): boolean {
    const length = end - at < ATTRIBUTE_HEADER_BYTES ? 0 : this.#view.getUint16(at, true);
    if (length < ATTRIBUTE_HEADER_BYTES || length > end - at) {
      this.problem = `no attribute of ${length} bytes fits at byte ${at} of ${end}`;
      return false;
    }
    this.type = this.#view.getUint16(at + 2, true) & NLA_TYPE_MASK;
    this.#start = at + ATTRIBUTE_HEADER_BYTES;
    this.#end = at + length;
    return true;
  }

  #has(size: number): boolean {
    const length = this.#end - this.#start;
    if (length !== size) this.fail(`${length} bytes instead of ${size}`);
    return length === size;
  }
}
