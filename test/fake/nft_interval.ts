/** Test equipment: keys of sets and maps, as the numbers they stand for. */
import { addressBytes, fullLength, parsePrefix } from "../../lib/model/address.ts";

/** First and last value, both included. */
export type Range = readonly [bigint, bigint];

/** Numbers of addresses have their IP version above these bits, so that no IPv4 address lies among IPv6 ones. */
export const FAMILY_SHIFT = 200n;

const WORDS: Readonly<Record<string, bigint>> = { tcp: 6n, udp: 17n, sctp: 132n, none: 0n };

/** One range for each field of `A/N . tcp . P-Q`. @throws {SyntaxError} */
export function rangesOf(key: string): Range[] {
  return key.split(" . ").map(rangeOf);
}

/** Whether two keys have a value in common. */
export function overlap(one: readonly Range[], other: readonly Range[]): boolean {
  return one.every(([first, last], index) => {
    const [otherFirst, otherLast] = other[index]!;
    return first <= otherLast && otherFirst <= last;
  });
}

function rangeOf(field: string): Range {
  const word = WORDS[field] ?? priorityOf(field);
  if (word !== undefined) return [word, word];
  const [first, last] = field.split("-").map(boundsOf);
  const end = field.includes("-") ? last : first;
  if (first && end) return [first[0], end[1]];
  throw new SyntaxError(`the fake nft does not know the interval ${field}`);
}

function boundsOf(text: string): Range | undefined {
  const number = numberOf(text);
  return number === undefined ? addressesOf(text) : [number, number];
}

function numberOf(text: string): bigint | undefined {
  return /^(?:\d+|0x[0-9a-f]+)$/.test(text) ? BigInt(text) : undefined;
}

/** `MAJOR:MINOR`, hexadecimal. */
function priorityOf(text: string): bigint | undefined {
  const [, major, minor] = /^([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(text) ?? [];
  return minor === undefined ? undefined : BigInt(`0x${major}`) << 16n | BigInt(`0x${minor}`);
}

function addressesOf(text: string): Range | undefined {
  const prefix = parsePrefix(text);
  if (!prefix) return undefined;
  const low = addressBytes(prefix).reduce((sum, byte) => sum << 8n | BigInt(byte), 0n);
  const span = (1n << BigInt(fullLength(prefix.family) - prefix.length)) - 1n;
  const base = low | BigInt(prefix.family) << FAMILY_SHIFT;
  return [base, base + span];
}
