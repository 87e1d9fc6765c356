import { protocolOf } from "../../model/service.ts";
import { addressFromBytes } from "../../model/address.ts";
import { priorityOfId } from "./names.ts";

/** What one part of a key or value is: its width and its spelling. */
export interface KeyPart {
  /** nft's number for the type (include/datatype.h of nftables), which the kernel keeps for it. */
  readonly type: number;
  /** Concatenations fill each part up to 4. */
  readonly bytes: number;
  readonly text: (bytes: Uint8Array) => string;
}

const ADDRESS_4: KeyPart = { type: 7, bytes: 4, text: addressText };
const ADDRESS_6: KeyPart = { type: 8, bytes: 16, text: addressText };
const PROTOCOL: KeyPart = { type: 12, bytes: 1, text: protocolText };
const PORT: KeyPart = { type: 13, bytes: 2, text: (bytes) => `${bytes[0]! << 8 | bytes[1]!}` };
const MARK: KeyPart = { type: 19, bytes: 4, text: (bytes) => `${hostNumber(bytes)}` };
const PRIORITY: KeyPart = {
  type: 23,
  bytes: 4,
  text: (bytes) => hostNumber(bytes) === 0 ? "none" : priorityOfId(hostNumber(bytes)),
};
const NUMBER: KeyPart = { type: 4, bytes: 4, text: (bytes) => `${hostNumber(bytes)}` };

/** What nft knows no type for, in a packet that is quoted in another. */
const raw = (bytes: number): KeyPart => ({ type: 4, bytes, text: rawText });
const [RAW_1, RAW_2, RAW_4, RAW_16] = [raw(1), raw(2), raw(4), raw(16)] as const;

/** Everything that lb's maps and sets are declared with, after `typeof`. */
const PARTS: Readonly<Record<string, KeyPart>> = {
  "ip saddr": ADDRESS_4,
  "ip daddr": ADDRESS_4,
  "ip6 saddr": ADDRESS_6,
  "ip6 daddr": ADDRESS_6,
  "meta l4proto": PROTOCOL,
  "th sport": PORT,
  "th dport": PORT,
  "meta mark": MARK,
  "ct mark": MARK,
  "meta priority": PRIORITY,
  "numgen inc mod 65536": NUMBER,
  // VIP, protocol and port of an ICMP error's subject: see ingress/rules.ts.
  "@th,160,32": RAW_4,
  "@th,136,8": RAW_1,
  "@th,224,16": RAW_2,
  "@th,128,128": RAW_16,
  "@th,112,8": RAW_1,
  "@th,384,16": RAW_2,
};

/** All of these are of one type. How long they are is told only by the length of the whole. */
const RAW_KEYS: readonly (readonly KeyPart[])[] = [
  [RAW_4, RAW_1, RAW_2],
  [RAW_16, RAW_1, RAW_2],
];

/** nft numbers a concatenation by its parts' numbers, six bits each. */
const TYPE_BITS = 6;
const TYPE_MASK = 2 ** TYPE_BITS - 1;
const BY_TYPE = new Map(
  Object.values(PARTS).filter((part) => !isRaw(part)).map((part) => [part.type, part]),
);

/** The parts of `ip daddr . meta l4proto . th dport`. */
export function partsOf(expression: string): KeyPart[] {
  return expression.split(" . ").map((part) => {
    const known = PARTS[part];
    if (!known) throw new TypeError(`no key of lb's has a part "${part}"`);
    return known;
  });
}

/** The number of the type as the kernel keeps it. */
export function typeNumber(parts: readonly KeyPart[]): number {
  return parts.reduce((number, { type }) => (number << TYPE_BITS | type) >>> 0, 0);
}

/**
 * The parts that a number of the kernel's stands for; undefined where lb declares nothing like it.
 *
 * @param bytes of the whole
 */
export function partsOfType(number: number, bytes: number): readonly KeyPart[] | undefined {
  const key = RAW_KEYS.find((one) => typeNumber(one) === number && keyBytes(one) === bytes);
  if (key) return key;
  const parts: KeyPart[] = [];
  for (let rest = number; rest > 0; rest = rest >>> TYPE_BITS) {
    const part = BY_TYPE.get(rest & TYPE_MASK);
    if (!part) return undefined;
    parts.unshift(part);
  }
  return parts;
}

/** How many bytes a key has. */
export function keyBytes(parts: readonly KeyPart[]): number {
  if (parts.length === 1) return parts[0]!.bytes;
  return parts.reduce((sum, { bytes }) => sum + padded(bytes), 0);
}

/** A key in nft's spelling, protocols and priorities as lb writes them. */
export function keyText(parts: readonly KeyPart[], key: Uint8Array): string {
  return slices(parts, key).map(({ part, bytes }) => part.text(bytes)).join(" . ");
}

/** A key of a concatenation of intervals: each part one value, a prefix, or a range. */
export function rangeKeyText(
  parts: readonly KeyPart[],
  first: Uint8Array,
  last: Uint8Array,
): string {
  const ends = slices(parts, last);
  return slices(parts, first)
    .map(({ part, bytes }, index) => rangeText(part, bytes, ends[index]!.bytes))
    .join(" . ");
}

/** Everything from one value to another, both included. */
export function rangeText(part: KeyPart, first: Uint8Array, last: Uint8Array): string {
  const text = part.text(first);
  if (equalBytes(first, last)) return text;
  if (part === ADDRESS_4 || part === ADDRESS_6) {
    const length = prefixLength(first, last);
    if (length !== undefined) return `${text}/${length}`;
  }
  return `${text}-${part.text(last)}`;
}

/** The value before this one, in the network's byte order. */
export function before(bytes: Uint8Array): Uint8Array {
  const result = bytes.slice();
  for (let at = result.length - 1; at >= 0 && result[at]!-- === 0; at--);
  return result;
}

/** The largest value of so many bytes. */
export function largest(bytes: number): Uint8Array {
  return new Uint8Array(bytes).fill(0xff);
}

/** Whether it is a part of which nft knows no type. */
export function isRaw({ text }: KeyPart): boolean {
  return text === rawText;
}

function slices(parts: readonly KeyPart[], key: Uint8Array) {
  let at = 0;
  return parts.map((part) => {
    const bytes = key.subarray(at, at + part.bytes);
    at += padded(part.bytes);
    return { part, bytes };
  });
}

/** What a part of a concatenation takes. */
export function padded(bytes: number): number {
  return (bytes + 3) & ~3;
}

function addressText(bytes: Uint8Array): string {
  return addressFromBytes(bytes).text;
}

function protocolText([number = 0]: Uint8Array): string {
  return protocolOf(number) ?? `${number}`;
}

/** In full width, as lb writes it. */
function rawText(bytes: Uint8Array): string {
  return `0x${bytes.toHex()}`;
}

/** Little-endian, as every machine is that Deno runs on. */
function hostNumber(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(0, true);
}

function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.every((byte, index) => byte === b[index]);
}

/** undefined where the range is no prefix. */
function prefixLength(first: Uint8Array, last: Uint8Array): number | undefined {
  let length = 0;
  const full = first.length * 8;
  const bit = (bytes: Uint8Array, at: number) => bytes[at >> 3]! >> (7 - (at & 7)) & 1;
  while (length < full && bit(first, length) === bit(last, length)) length++;
  for (let at = length; at < full; at++) {
    if (bit(first, at) !== 0 || bit(last, at) !== 1) return undefined;
  }
  return length;
}
