import ipaddr from "ipaddr.js";

/** IP version. */
export type Family = 4 | 6;

// A config of 10,000 services has 60,000 of these: ipaddr.js takes ten times as long for one.
const CANONICAL_IPV4 =
  /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)\.){3}(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)$/;

/** Both, in the order everything is listed in. */
export const FAMILIES: readonly Family[] = [4, 6];

/** One IP address. `text` is canonical (RFC 5952 for IPv6), so that equal addresses are equal strings. */
export interface Address {
  readonly family: Family;
  readonly text: string;
}

/** An address and a prefix length in bits (32 or 128 for a single address). Host bits are zero. */
export interface Prefix extends Address {
  readonly length: number;
}

/** Bits of a full address. */
export function fullLength(family: Family): number {
  return family === 4 ? 32 : 128;
}

/**
 * Parses an IPv4 address in dotted-quad form or an IPv6 address, without zone.
 *
 * @returns undefined where the text is not an address. Octal, hexadecimal and short IPv4 forms are
 * not addresses here: they mean different things to different programs.
 */
export function parseAddress(text: string): Address | undefined {
  if (CANONICAL_IPV4.test(text)) return { family: 4, text };
  if (text.includes("%") || !ipaddr.IPv6.isValid(text)) return undefined;
  return { family: 6, text: ipaddr.IPv6.parse(text).toRFC5952String() };
}

/**
 * Parses `ADDRESS` or `ADDRESS/LENGTH`.
 *
 * @returns undefined where the text is neither, or has bits set behind the prefix length.
 */
export function parsePrefix(text: string): Prefix | undefined {
  const [head, tail, ...rest] = text.split("/");
  const address = parseAddress(head ?? "");
  if (!address || rest.length > 0) return undefined;
  if (tail === undefined) return { ...address, length: fullLength(address.family) };
  if (!/^\d{1,3}$/.test(tail)) return undefined;
  const length = Number(tail);
  if (length > fullLength(address.family)) return undefined;
  const prefix = { ...address, length };
  return sameBytes(maskedBytes(address, length), addressBytes(address)) ? prefix : undefined;
}

/** `ADDRESS`, or `ADDRESS/LENGTH` where it is more than one address: nft's own spelling. */
export function formatPrefix(prefix: Prefix): string {
  return isSingle(prefix) ? prefix.text : `${prefix.text}/${prefix.length}`;
}

/** Whether the prefix is one address. */
export function isSingle(prefix: Prefix): boolean {
  return prefix.length === fullLength(prefix.family);
}

/** The address in network order: 4 or 16 bytes. */
export function addressBytes(address: Address): Uint8Array {
  if (address.family === 4) return Uint8Array.from(address.text.split("."), Number);
  return Uint8Array.from(ipaddr.parse(address.text).toByteArray());
}

/** Canonical address of 4 or 16 bytes in network order. @throws {RangeError} on any other length */
export function addressFromBytes(bytes: Uint8Array): Address {
  if (bytes.length !== 4 && bytes.length !== 16) {
    throw new RangeError(`an address has 4 or 16 bytes, got ${bytes.length}`);
  }
  const parsed = ipaddr.fromByteArray(Array.from(bytes));
  return parsed instanceof ipaddr.IPv6
    ? { family: 6, text: parsed.toRFC5952String() }
    : { family: 4, text: parsed.toString() };
}

/** Whether `inner` (an address or prefix) lies wholly inside `outer`. */
export function contains(outer: Prefix, inner: Address | Prefix): boolean {
  if (outer.family !== inner.family) return false;
  const innerLength = "length" in inner ? inner.length : fullLength(inner.family);
  return innerLength >= outer.length &&
    sameBytes(maskedBytes(inner, outer.length), addressBytes(outer));
}

/** The network of this prefix length in bits that the address is in. */
export function networkOf(address: Address, length: number): Prefix {
  return { ...addressFromBytes(maskedBytes(address, length)), length };
}

/** `ADDRESS:PORT`, `[V6]:PORT`, or the bare address where there is no port. */
export function formatEndpoint(address: Address, port?: number): string {
  if (port === undefined) return address.text;
  return address.family === 4 ? `${address.text}:${port}` : `[${address.text}]:${port}`;
}

function maskedBytes(address: Address, length: number): Uint8Array {
  return addressBytes(address).map((byte, index) => {
    const bits = Math.min(8, Math.max(0, length - index * 8));
    return byte & (0xff << (8 - bits));
  });
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}
