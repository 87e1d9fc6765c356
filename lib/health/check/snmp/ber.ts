import { concat } from "../../../model/bytes.ts";

/** Tags of BER (X.690) and of SNMP (RFC 2578, RFC 3416). */
export const TAG = {
  integer: 0x02,
  octets: 0x04,
  null: 0x05,
  oid: 0x06,
  sequence: 0x30,
  get: 0xa0,
  response: 0xa2,
  report: 0xa8,
} as const;

type Part = Uint8Array | readonly number[];

/** A tag, a length, and what it holds. */
export function element(tag: number, ...parts: readonly Part[]): Uint8Array<ArrayBuffer> {
  const value = concat(...parts);
  return concat([tag], lengthOf(value.length), value);
}

/** @param value of 32 bits, signed */
export function integer(value: number): Uint8Array<ArrayBuffer> {
  const bytes = [24, 16, 8, 0].map((shift) => (value >> shift) & 0xff);
  while (bytes.length > 1 && isSign(bytes[0]!, bytes[1]!)) bytes.shift();
  return element(TAG.integer, bytes);
}

/** A text in UTF-8, or bytes. */
export function octets(value: Part | string): Uint8Array<ArrayBuffer> {
  return element(TAG.octets, typeof value === "string" ? new TextEncoder().encode(value) : value);
}

/** @param text numbers with dots, at least two */
export function oid(text: string): Uint8Array<ArrayBuffer> {
  const [first = 0, second = 0, ...rest] = text.replace(/^\./, "").split(".").map(Number);
  return element(TAG.oid, [first * 40 + second, ...rest].flatMap(septets));
}

/** What was read. */
export interface Element {
  readonly tag: number;
  readonly value: Uint8Array;
  /** Where the value begins in what the first reader was given. */
  readonly at: number;
}

/** Reads elements one after the other. */
export class BerReader {
  readonly #bytes: Uint8Array;
  readonly #base: number;
  #at = 0;

  constructor(bytes: Uint8Array, base = 0) {
    this.#bytes = bytes;
    this.#base = base;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#bytes.length;
  }

  /** @param tag which one it must have, if any will not do. @throws {RangeError} */
  next(tag?: number): Element {
    const found = this.#byte();
    if (tag !== undefined && found !== tag) throw new RangeError(`tag ${found}, not ${tag}`);
    const length = this.#length();
    const [start, end] = [this.#at, this.#at + length];
    if (end > this.#bytes.length) throw new RangeError("an element is longer than what it is in");
    this.#at = end;
    return { tag: found, value: this.#bytes.subarray(start, end), at: this.#base + start };
  }

  /** What is in the next element. @throws {RangeError} */
  inside(tag: number): BerReader {
    const { value, at } = this.next(tag);
    return new BerReader(value, at);
  }

  /** @throws {RangeError} */
  integer(): number {
    return signed(this.next(TAG.integer).value);
  }

  #length(): number {
    const first = this.#byte();
    if (first < 0x80) return first;
    const count = first & 0x7f;
    if (count === 0 || count > 4) throw new RangeError(`a length of ${count} bytes`);
    let length = 0;
    for (let left = count; left > 0; left--) length = length * 256 + this.#byte();
    return length;
  }

  #byte(): number {
    const byte = this.#bytes[this.#at++];
    if (byte === undefined) throw new RangeError("it ends too early");
    return byte;
  }
}

/** A number with a sign, of any length. */
export function signed(bytes: Uint8Array): number {
  const value = unsigned(bytes);
  return (bytes[0] ?? 0) < 0x80 ? value : value - 256 ** bytes.length;
}

/** A number without a sign, of any length. */
export function unsigned(bytes: Uint8Array): number {
  return bytes.reduce((sum, byte) => sum * 256 + byte, 0);
}

/** {@linkcode oid} back. */
export function oidText(bytes: Uint8Array): string {
  const numbers: number[] = [];
  let number = 0;
  for (const byte of bytes) {
    number = number * 128 + (byte & 0x7f);
    if (byte < 0x80) number = numbers.push(number) * 0;
  }
  const first = numbers.shift() ?? 0;
  const top = Math.min(2, Math.floor(first / 40));
  return [top, first - top * 40, ...numbers].join(".");
}

function isSign(byte: number, next: number): boolean {
  return byte === 0 && next < 0x80 || byte === 0xff && next >= 0x80;
}

function lengthOf(length: number): number[] {
  if (length < 0x80) return [length];
  if (length < 0x100) return [0x81, length];
  return [0x82, length >> 8, length & 0xff];
}

function septets(number: number): number[] {
  const bytes = [number % 128];
  for (let rest = Math.floor(number / 128); rest > 0; rest = Math.floor(rest / 128)) {
    bytes.unshift(0x80 | (rest % 128));
  }
  return bytes;
}
