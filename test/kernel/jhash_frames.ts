/** Test equipment: ethernet frames with a source of our choice, for a loopback interface. */
import { type Address, addressBytes } from "../../lib/model/address.ts";
import { internetChecksum } from "../../lib/packet/checksum.ts";

/** A first packet, as far as a hash scheduler looks at one. */
export interface Source {
  readonly address: Address;
  readonly port: number;
  readonly protocol: "tcp" | "udp";
}

const NUMBERS = { tcp: 6, udp: 17 } as const;
const ETHERNET_BYTES = 14;

/** A whole frame. Its MAC addresses are zero, as those of a loopback interface are. */
export function frameOf(source: Source, to: Address, port: number): Uint8Array {
  const packet = to.family === 4 ? ipv4(source, to) : ipv6(source, to);
  const frame = new Uint8Array(ETHERNET_BYTES + packet.length + 20);
  new DataView(frame.buffer).setUint16(12, to.family === 4 ? 0x0800 : 0x86dd);
  frame.set(packet, ETHERNET_BYTES);
  frame.set(segment(source, port), ETHERNET_BYTES + packet.length);
  return frame;
}

/** 20 bytes that are a SYN for tcp, and a datagram with 12 bytes in it for udp. No checksum. */
function segment({ port: from, protocol }: Source, to: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(20));
  view.setUint16(0, from);
  view.setUint16(2, to);
  if (protocol === "udp") view.setUint16(4, 20);
  else view.setUint16(12, 0x5002);
  return new Uint8Array(view.buffer);
}

function ipv4({ address, protocol }: Source, to: Address): Uint8Array {
  const view = new DataView(new ArrayBuffer(20));
  view.setUint16(0, 0x4500);
  view.setUint16(2, 40);
  view.setUint8(8, 64);
  view.setUint8(9, NUMBERS[protocol]);
  const bytes = new Uint8Array(view.buffer);
  bytes.set(addressBytes(address), 12);
  bytes.set(addressBytes(to), 16);
  // Without a right one the kernel drops the packet before any hook.
  view.setUint16(10, internetChecksum(bytes));
  return bytes;
}

function ipv6({ address, protocol }: Source, to: Address): Uint8Array {
  const view = new DataView(new ArrayBuffer(40));
  view.setUint8(0, 0x60);
  view.setUint16(4, 20);
  view.setUint8(6, NUMBERS[protocol]);
  view.setUint8(7, 64);
  const bytes = new Uint8Array(view.buffer);
  bytes.set(addressBytes(address), 8);
  bytes.set(addressBytes(to), 24);
  return bytes;
}
