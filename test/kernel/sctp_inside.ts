/**
 * Test equipment: sends the first packet of SCTP associations from the namespace it is started in, whether
 * or not its kernel has SCTP sockets. `deno run -A sctp_inside.ts JSON`
 */
import { addressBytes, parseAddress } from "../../lib/model/address.ts";
import { internetChecksum } from "../../lib/packet/checksum.ts";
import { concat } from "../../lib/model/bytes.ts";
import { ethernetFrame, u16 } from "../../lib/packet/ethernet.ts";
import { sockets } from "../../lib/sys/socket.ts";

/** Associations that are to be begun. */
export interface Associations {
  readonly ifindex: number;
  readonly from_mac: string;
  readonly to_mac: string;
  readonly from: string;
  readonly to: string;
  readonly port: number;
  /** One INIT each. */
  readonly from_ports: readonly number[];
}

const SCTP = 132;
const ETHERTYPE = { 4: 0x0800, 6: 0x86dd } as const;

/** RFC 9260: chunk INIT with tag, window, one stream each way and a TSN. */
const INIT = [1, 0, 0, 20, 0, 0, 0, 1, 0, 1, 0, 0, 0, 1, 0, 1, 0, 0, 0, 1];

function init(from: number, to: number): Uint8Array {
  const bytes = concat(u16(from), u16(to), [0, 0, 0, 0], [0, 0, 0, 0], INIT);
  // Unlike everything else in a packet, least significant byte first (RFC 9260, appendix A).
  new DataView(bytes.buffer).setUint32(8, crc32c(bytes), true);
  return bytes;
}

function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  }
  return (crc ^ 0xffffffff) >>> 0;
}

function packet(from: Uint8Array, to: Uint8Array, payload: Uint8Array): Uint8Array {
  if (from.length === 16) {
    return concat([0x60, 0, 0, 0], u16(payload.length), [SCTP, 64], from, to, payload);
  }
  const header = (checksum: number) =>
    concat([0x45, 0], u16(20 + payload.length), [0, 0, 0, 0, 64, SCTP], u16(checksum), from, to);
  return concat(header(internetChecksum(header(0))), payload);
}

function send(spec: Associations): void {
  const [from, to] = [spec.from, spec.to].map((text) => parseAddress(text)!);
  const [source, destination] = [spec.from_mac, spec.to_mac].map((text) =>
    Uint8Array.from(text.split(":"), (byte) => parseInt(byte, 16))
  );
  const socket = sockets.packet(spec.ifindex);
  for (const port of spec.from_ports) {
    const payload = packet(addressBytes(from!), addressBytes(to!), init(port, spec.port));
    socket.send(ethernetFrame({
      destination: destination!,
      source: source!,
      type: ETHERTYPE[from!.family],
      payload,
    }));
  }
  socket.close();
}

if (import.meta.main) send(JSON.parse(Deno.args[0]!) as Associations);
