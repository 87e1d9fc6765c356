/** SYNs that differ by where they come from, made in place: a generator has no time for more. */
import { type Address, addressBytes } from "../../../lib/model/address.ts";
import { ethernetFrame } from "../../../lib/packet/ethernet.ts";
import { ipPacket, tcp } from "../../unit/packet/packets.ts";

const SYN = 2;
/** MSS, SACK, timestamps and window scale, as Linux sends them: 20 bytes. */
const OPTION_WORDS = 5;

const ETHERNET_BYTES = 14;
const IP_CHECKSUM_AT = ETHERNET_BYTES + 10;
const SOURCE_AT = ETHERNET_BYTES + 12;
const IP_BYTES = 20;
const TCP_AT = ETHERNET_BYTES + IP_BYTES;
const TCP_CHECKSUM_AT = TCP_AT + 16;

const IPV4 = 0x0800;
const TCP = 6;

/** Set aside for benchmarks (RFC 2544). */
const SOURCES = { first: 0xc612_0000, count: 2 ** 17 };
const PORTS = { first: 1024, count: 64_000 };

/** A frame that becomes one SYN after the other. */
export class SynFrame {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly #view: DataView;
  readonly #ip_sum: number;
  readonly #tcp_sum: number;

  constructor(
    macs: { readonly source: Uint8Array; readonly destination: Uint8Array },
    to: { readonly address: Address; readonly port: number },
  ) {
    const payload = ipPacket({
      source: { family: 4, text: "0.0.0.0" },
      destination: to.address,
      protocol: TCP,
      payload: tcp(0, to.port, SYN, OPTION_WORDS),
    });
    this.bytes = new Uint8Array(ethernetFrame({ ...macs, type: IPV4, payload }));
    this.#view = new DataView(this.bytes.buffer);
    this.#view.setUint16(IP_CHECKSUM_AT, 0);
    this.#view.setUint16(TCP_CHECKSUM_AT, 0);
    const length = payload.length - IP_BYTES;
    this.#ip_sum = wordSum(this.#view, ETHERNET_BYTES, TCP_AT);
    this.#tcp_sum = wordSum(this.#view, TCP_AT, this.bytes.length) + TCP + length +
      wordSum(new DataView(Uint8Array.from(addressBytes(to.address)).buffer), 0, 4);
  }

  /** Makes it the SYN of this number: the ports of one address first, then the next address. */
  become(number: number): void {
    const port = PORTS.first + number % PORTS.count;
    const address = SOURCES.first + Math.floor(number / PORTS.count) % SOURCES.count;
    const address_sum = (address >>> 16) + (address & 0xffff);
    this.#view.setUint32(SOURCE_AT, address);
    this.#view.setUint16(TCP_AT, port);
    this.#view.setUint16(IP_CHECKSUM_AT, checksum(this.#ip_sum + address_sum));
    this.#view.setUint16(TCP_CHECKSUM_AT, checksum(this.#tcp_sum + address_sum + port));
  }
}

function wordSum(view: DataView, start: number, end: number): number {
  let sum = 0;
  for (let at = start; at < end; at += 2) sum += view.getUint16(at);
  return sum;
}

function checksum(sum: number): number {
  sum = (sum & 0xffff) + (sum >>> 16);
  return ~(sum + (sum >>> 16)) & 0xffff;
}
