import { type Address, addressBytes } from "../model/address.ts";
import { internetChecksum } from "./checksum.ts";

/** Flags of a tcp header (RFC 9293). */
export const TCP_ACK = 0x10;
export const TCP_RST = 0x04;

const IPPROTO_TCP = 6;
const HOP_LIMIT = 64;
const IPV4_BYTES = 20;
const IPV6_BYTES = 40;

/** The header with one option: a time-stamp, and two bytes that do nothing before it. */
const TCP_BYTES = 32;
const TIMESTAMP_OPTION = [1, 1, 8, 10] as const;

/** A tcp packet. */
export interface TcpPacket {
  readonly source: Address;
  readonly source_port: number;
  readonly destination: Address;
  readonly destination_port: number;
  readonly flags: number;
  readonly sequence: number;
  readonly acknowledgement: number;
  /** How many zeros it carries. @default 0 */
  readonly data_bytes?: number;
}

/**
 * The packet with its IP header. It has a time-stamp: who has agreed on them may drop what has none without
 * a word (RFC 7323, 3.2).
 */
export function tcpPacket(packet: TcpPacket): Uint8Array<ArrayBuffer> {
  const { source, destination } = packet;
  const [from, to] = [addressBytes(source), addressBytes(destination)];
  const tcp = segment(packet, from, to);
  const { length } = tcp;
  const header = source.family === 4 ? ipv4Header(from, to, length) : ipv6Header(from, to, length);
  const bytes = new Uint8Array(header.length + tcp.length);
  bytes.set(header);
  bytes.set(tcp, header.length);
  return bytes;
}

function segment(packet: TcpPacket, from: Uint8Array, to: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(TCP_BYTES + (packet.data_bytes ?? 0));
  const view = new DataView(bytes.buffer);
  view.setUint16(0, packet.source_port);
  view.setUint16(2, packet.destination_port);
  view.setUint32(4, packet.sequence);
  view.setUint32(8, packet.flags & TCP_ACK ? packet.acknowledgement : 0);
  view.setUint8(12, (TCP_BYTES / 4) << 4);
  view.setUint8(13, packet.flags);
  bytes.set(TIMESTAMP_OPTION, 20);
  // Sums of RFC 9293 and RFC 8200 differ in nothing but zeros here.
  const pseudo = Uint8Array.of(...from, ...to, 0, bytes.length, 0, IPPROTO_TCP, ...bytes);
  view.setUint16(16, internetChecksum(pseudo));
  return bytes;
}

function ipv4Header(from: Uint8Array, to: Uint8Array, payload: number): Uint8Array {
  const bytes = new Uint8Array(IPV4_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, 0x45);
  view.setUint16(2, IPV4_BYTES + payload);
  view.setUint8(8, HOP_LIMIT);
  view.setUint8(9, IPPROTO_TCP);
  bytes.set(from, 12);
  bytes.set(to, 16);
  view.setUint16(10, internetChecksum(bytes));
  return bytes;
}

function ipv6Header(from: Uint8Array, to: Uint8Array, payload: number): Uint8Array {
  const bytes = new Uint8Array(IPV6_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, 0x60);
  view.setUint16(4, payload);
  view.setUint8(6, IPPROTO_TCP);
  view.setUint8(7, HOP_LIMIT);
  bytes.set(from, 8);
  bytes.set(to, 24);
  return bytes;
}
