/** Test equipment: IP packets of every kind that a queue may hand over. Checksums are right where asked for. */
import { type Address, addressBytes } from "../../../lib/model/address.ts";
import { concat } from "../../../lib/model/bytes.ts";
import { internetChecksum } from "../../../lib/packet/checksum.ts";
import { u16 } from "../../../lib/packet/ethernet.ts";

type Bytes = Uint8Array | readonly number[];

/** What a packet is made of; source and destination are of one IP version. */
export interface Parts {
  readonly source: Address;
  readonly destination: Address;
  readonly protocol: number;
  readonly payload: Bytes;
  /** Of IPv4: options in whole words, and where in its packet this fragment lies, in units of 8 bytes. */
  readonly options?: Bytes;
  readonly fragment?: number;
  /** Of IPv6, in their order. */
  readonly extensions?: readonly Extension[];
}

/** A header between IPv6's and the transport's. */
export interface Extension {
  readonly kind: 0 | 43 | 44 | 51 | 60;
  /** In units by which it is longer than 8 bytes: 8 bytes, of AH 4. Without meaning to one of fragments. */
  readonly more: number;
  /** Of 44: where this fragment lies in units of 8 bytes, above the three lowest bits; of those, 1: more follow. */
  readonly fragment?: number;
}

export function ipPacket(parts: Parts): Uint8Array<ArrayBuffer> {
  return parts.source.family === 4 ? ipv4(parts) : ipv6(parts);
}

function ipv4({ source, destination, protocol, payload, options = [], fragment = 0 }: Parts) {
  const words = 5 + options.length / 4;
  const length = words * 4 + payload.length;
  const header = (checksum: number) =>
    concat(
      [0x40 | words, 0, ...u16(length), 0, 1, ...u16(fragment), 64, protocol, ...u16(checksum)],
      ...[source, destination].map(addressBytes),
      options,
    );
  return concat(header(internetChecksum(header(0))), payload);
}

function ipv6({ source, destination, protocol, payload, extensions = [] }: Parts) {
  const kinds = [...extensions.map(({ kind }) => kind), protocol];
  const headers = extensions.map((one, at) => extension(one, kinds[at + 1]!));
  const length = headers.reduce((sum, header) => sum + header.length, payload.length);
  return concat(
    [0x60, 0, 0, 0, ...u16(length), kinds[0]!, 64],
    ...[source, destination].map(addressBytes),
    ...headers,
    payload,
  );
}

function extension({ kind, more, fragment = 0 }: Extension, next: number): Uint8Array {
  if (kind === 44) return Uint8Array.of(next, 0, ...u16(fragment), 0, 0, 0, 1);
  const bytes = new Uint8Array(kind === 51 ? 8 + more * 4 : 8 + more * 8);
  bytes.set([next, more]);
  // One option that fills all of it: padding (RFC 8200, section 4.2).
  if (kind === 0 || kind === 60) bytes.set([1, bytes.length - 4], 2);
  return bytes;
}

/** @param words of options behind the header */
export function tcp(
  sport: number,
  dport: number,
  flags: number,
  words = 0,
): Uint8Array<ArrayBuffer> {
  return concat(
    [...u16(sport), ...u16(dport), 0, 0, 0, 1, 0, 0, 0, 0],
    [(5 + words) << 4, flags, 0xff, 0xff, 0, 0, 0, 0],
    new Uint8Array(words * 4).fill(1),
  );
}

/** @param bytes of what it carries */
export function udp(sport: number, dport: number, bytes = 0): Uint8Array<ArrayBuffer> {
  return concat(u16(sport), u16(dport), u16(8 + bytes), [0, 0], new Uint8Array(bytes));
}

/** The common header of SCTP, without any chunk. */
export function sctp(sport: number, dport: number): Uint8Array<ArrayBuffer> {
  return concat(u16(sport), u16(dport), new Uint8Array(8));
}

/** An ICMP message; of ICMPv6 without its checksum. */
export function icmp(type: number, quoted: Bytes = []): Uint8Array<ArrayBuffer> {
  const message = (checksum: number) => concat([type, 0, ...u16(checksum), 0, 0, 0, 0], quoted);
  return message(internetChecksum(message(0)));
}
