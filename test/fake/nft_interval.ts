/** Test equipment: keys of interval sets and maps, as the numbers they stand for. */
import { addressBytes, fullLength, parsePrefix } from "../../lib/model/address.ts";

/** First and last value, both included. */
type Range = readonly [bigint, bigint];

/** Prefixed by the IP version, so that no IPv4 address lies among IPv6 ones. */
const FAMILY_SHIFT = 200n;

const PROTOCOLS: Readonly<Record<string, bigint>> = { tcp: 6n, udp: 17n, sctp: 132n };

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
  const protocol = PROTOCOLS[field];
  if (protocol !== undefined) return [protocol, protocol];
  const prefix = parsePrefix(field);
  if (prefix) {
    const bytes = [...addressBytes(prefix)];
    const low = bytes.reduce((sum, byte) => sum << 8n | BigInt(byte), 0n);
    const span = (1n << BigInt(fullLength(prefix.family) - prefix.length)) - 1n;
    const base = low | BigInt(prefix.family) << FAMILY_SHIFT;
    return [base, base + span];
  }
  const [, first, last = first] = /^(\d+)(?:-(\d+))?$/.exec(field) ?? [];
  if (first === undefined || last === undefined) {
    throw new SyntaxError(`the fake nft does not know the interval ${field}`);
  }
  return [BigInt(first), BigInt(last)];
}
