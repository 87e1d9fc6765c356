/**
 * Test equipment: sends forged TCP segments from the namespace it is started in, as no kernel would.
 * `deno run -A inject_inside.ts JSON`
 */
import { addressBytes, parseAddress } from "../../lib/model/address.ts";
import { internetChecksum } from "../../lib/packet/checksum.ts";
import { concat } from "../../lib/model/bytes.ts";
import { ethernetFrame, u16 } from "../../lib/packet/ethernet.ts";
import { sockets } from "../../lib/sys/socket.ts";

/** What to send. */
export interface Injection {
  readonly ifindex: number;
  readonly from_mac: string;
  readonly to_mac: string;
  readonly from: { readonly address: string; readonly port: number };
  readonly to: { readonly address: string; readonly port: number };
  /** One segment each. */
  readonly sequences: readonly number[];
}

const ETHERTYPE = { 4: 0x0800, 6: 0x86dd } as const;
const TCP = 6;
const PUSH_ACK = 0x18;
const PAYLOAD = new TextEncoder().encode("forged");

function u32(value: number): readonly number[] {
  return [...u16(value >>> 16), ...u16(value & 0xffff)];
}

function segment(injection: Injection, sequence: number): Uint8Array {
  const { from, to } = injection;
  const header = (checksum: number) =>
    concat(
      u16(from.port),
      u16(to.port),
      u32(sequence),
      u32(sequence),
      [5 << 4, PUSH_ACK],
      u16(0xffff),
      u16(checksum),
      u16(0),
      PAYLOAD,
    );
  const length = header(0).length;
  const pseudo = concat(bytesOf(from.address), bytesOf(to.address), [0, TCP], u16(length));
  return header(internetChecksum(concat(pseudo, header(0))));
}

function packet({ from, to }: Injection, payload: Uint8Array): Uint8Array {
  const [source, target] = [bytesOf(from.address), bytesOf(to.address)];
  if (source.length === 16) {
    return concat([0x60, 0, 0, 0], u16(payload.length), [TCP, 64], source, target, payload);
  }
  const header = (checksum: number) =>
    concat(
      [0x45, 0],
      u16(20 + payload.length),
      [0, 0, 0, 0, 64, TCP],
      u16(checksum),
      source,
      target,
    );
  return concat(header(internetChecksum(header(0))), payload);
}

function bytesOf(address: string): Uint8Array {
  return addressBytes(parseAddress(address)!);
}

function macOf(text: string): Uint8Array {
  return Uint8Array.from(text.split(":"), (byte) => parseInt(byte, 16));
}

function inject(injection: Injection): void {
  const socket = sockets.packet(injection.ifindex);
  for (const sequence of injection.sequences) {
    const payload = packet(injection, segment(injection, sequence));
    socket.send(ethernetFrame({
      destination: macOf(injection.to_mac),
      source: macOf(injection.from_mac),
      type: ETHERTYPE[bytesOf(injection.from.address).length === 4 ? 4 : 6],
      payload,
    }));
  }
  socket.close();
}

if (import.meta.main) inject(JSON.parse(Deno.args[0]!) as Injection);
