/**
 * Test equipment: what `typeof` expressions are in the kernel, and the bytes of keys and values (nftables
 * 1.0.6, include/datatype.h and src/datatype.c; held to the real kernel by test/kernel/nft_fake_test.ts).
 */
import { addressFromBytes, type Family } from "../../lib/model/address.ts";
import { FAMILY_SHIFT, rangesOf } from "./nft_interval.ts";
import { joined } from "./wire.ts";

/** One part of a key, or a value. */
export interface Field {
  /** TYPE_*: the kernel only keeps it. */
  readonly type: number;
  readonly bytes: number;
  /** Of addresses. */
  readonly family?: Family;
  /** Numbers of the machine's own are in its byte order. */
  readonly isHostOrder?: true;
}

const PROTOCOL = 12;
const PRIORITY = 23;
const ADDRESS_4: Field = { type: 7, bytes: 4, family: 4 };
const ADDRESS_6: Field = { type: 8, bytes: 16, family: 6 };
const PORT: Field = { type: 13, bytes: 2 };
const MARK: Field = { type: 19, bytes: 4, isHostOrder: true };
const NUMBER: Field = { type: 4, bytes: 4, isHostOrder: true };

const FIELDS: Readonly<Record<string, Field>> = {
  "ip saddr": ADDRESS_4,
  "ip daddr": ADDRESS_4,
  "ip6 saddr": ADDRESS_6,
  "ip6 daddr": ADDRESS_6,
  "meta l4proto": { type: PROTOCOL, bytes: 1 },
  "th sport": PORT,
  "th dport": PORT,
  "meta mark": MARK,
  "ct mark": MARK,
  "meta priority": { type: PRIORITY, bytes: 4, isHostOrder: true },
};

/** @throws {SyntaxError} */
export function fieldOf(expression: string): Field {
  // Bits of a packet that nft has no type for; the kernel is told how many only by the length of the key.
  const bits = /^@th,\d+,(8|16|32|128)$/.exec(expression)?.[1];
  if (bits) return { type: 4, bytes: Number(bits) / 8 };
  const field = /^numgen (inc|random) mod \d+$/.test(expression) ? NUMBER : FIELDS[expression];
  if (!field) throw new SyntaxError(`the fake nft does not know the type of ${expression}`);
  return field;
}

/** nft numbers a concatenation by the numbers of its parts, six bits each. */
export function typeOf(fields: readonly Field[]): number {
  return fields.reduce((number, { type }) => number * 64 + type, 0);
}

/** Bytes of a whole key: in a concatenation each part is filled up to 4. */
export function lengthOf(fields: readonly Field[]): number {
  return fields.reduce((sum, field) => sum + lengthIn(fields, field), 0);
}

/** The first and the last key that a text such as `192.0.2.0/24 . tcp . 80-90` stands for. */
export function keyBytes(fields: readonly Field[], text: string): [Uint8Array, Uint8Array] {
  const ranges = rangesOf(text);
  const key = (end: 0 | 1) =>
    joined(...fields.map((field, index) => {
      const bytes = new Uint8Array(lengthIn(fields, field));
      bytes.set(numberBytes(field, ranges[index]![end]));
      return bytes;
    }));
  return [key(0), key(1)];
}

/** A number as a field holds it. @throws {SyntaxError} where it is none of its own */
export function numberBytes({ bytes, isHostOrder, family }: Field, number: bigint): Uint8Array {
  const value = number - (BigInt(family ?? 0) << FAMILY_SHIFT);
  if (value !== BigInt.asUintN(bytes * 8, value)) {
    throw new SyntaxError(`the fake nft has ${bytes} bytes for ${number.toString(16)}`);
  }
  const text = value.toString(16).padStart(bytes * 2, "0");
  const result = Uint8Array.from(text.match(/../g)!, (pair) => parseInt(pair, 16));
  return isHostOrder ? result.reverse() : result;
}

/** A key or value in nft's spelling. */
export function keyWords(fields: readonly Field[], key: Uint8Array): string {
  let at = 0;
  return fields.map((field) => {
    const bytes = key.slice(at, at + field.bytes);
    at += lengthIn(fields, field);
    return wordOf(field, bytes);
  }).join(" . ");
}

function wordOf({ type, family, isHostOrder }: Field, bytes: Uint8Array): string {
  if (family) return addressFromBytes(bytes).text;
  if (type === 4 && !isHostOrder) return `0x${bytes.toHex()}`;
  const number = parseInt((isHostOrder ? bytes.reverse() : bytes).toHex(), 16);
  if (type === PRIORITY) return `${(number >>> 16).toString(16)}:${(number & 0xffff).toString(16)}`;
  if (type === PROTOCOL) return { 6: "tcp", 17: "udp", 132: "sctp" }[number] ?? `${number}`;
  return `${number}`;
}

function lengthIn(fields: readonly Field[], { bytes }: Field): number {
  return fields.length === 1 ? bytes : (bytes + 3) & ~3;
}
