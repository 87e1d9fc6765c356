/**
 * Test equipment: IP packets that no honest machine sends, by a seed. Their IP headers are just right enough for
 * the kernel to hand them on; all behind them, and quite some within, is damaged. Pure.
 */
import type { Address, Family } from "../../lib/model/address.ts";
import { addressBytes, FAMILIES } from "../../lib/model/address.ts";
import { concat } from "../../lib/model/bytes.ts";
import { internetChecksum } from "../../lib/packet/checksum.ts";
import type { Random } from "../fuzz/random.ts";
import { type Extension, icmp, ipPacket, sctp, tcp, udp } from "../unit/packet/packets.ts";

/** Where packets claim to come from, and where they go. */
export type Ends = Readonly<Record<Family, { readonly from: Address; readonly to: Address }>>;

const SYN = 2;
const MUTATIONS_MAX = 5;
const BYTES_MAX = 1400;

/** What may stand between IPv6's header and the transport's. */
const KINDS: readonly Extension["kind"][] = [0, 43, 44, 51, 60];
const EXTENSIONS_MAX = 4;

/** Where the header's parts are that the kernel looks at before it hands a packet on. */
const HEADER = {
  4: { bytes: 20, destination_at: 16, fragment_at: 6 },
  6: { bytes: 40, destination_at: 24, fragment_at: undefined },
} as const;

/** One packet in so many keeps what leads elsewhere, or is a fragment that the kernel waits for the rest of. */
const ASTRAY = 16;

/** The next packet. */
export function hostilePacket(ends: Ends, random: Random): Uint8Array<ArrayBuffer> {
  const family = random.pick(FAMILIES);
  const { from, to } = ends[family];
  let bytes = sample(family, from, to, random);
  for (let left = random.below(MUTATIONS_MAX + 1); left > 0; left--) {
    bytes = random.pick(MUTATIONS)(bytes, random);
  }
  return repaired(bytes, family, to, random);
}

function sample(family: Family, source: Address, destination: Address, random: Random): Uint8Array {
  const ends = { source, destination };
  const [protocol, payload] = transport(family, ends, random);
  const extensions = family === 6 ? someExtensions(random) : [];
  return ipPacket({ ...ends, protocol, payload, extensions });
}

type Parts = Pick<Parameters<typeof ipPacket>[0], "source" | "destination">;

function transport(family: Family, ends: Parts, random: Random): readonly [number, Uint8Array] {
  const sport = random.below(65_536);
  switch (random.below(6)) {
    case 0:
      return [17, udp(sport, 80, random.below(64))];
    case 1:
      return [132, sctp(sport, 80)];
    case 2:
      return icmpError(family, ends, sport, random);
    case 3:
      return [random.below(256), noise(random.below(64), random)];
    default:
      return [6, tcp(sport, 80, SYN, random.below(11))];
  }
}

/** About a packet that the VIP would have sent, cut anywhere. */
function icmpError(
  family: Family,
  { source, destination }: Parts,
  dport: number,
  random: Random,
): readonly [number, Uint8Array] {
  const payload = tcp(80, dport, SYN);
  const about = { source: destination, destination: source };
  const quoted = ipPacket({ ...about, protocol: 6, payload });
  const cut = quoted.subarray(0, random.below(quoted.length + 1));
  return family === 4
    ? [1, icmp(random.pick([3, 4, 5, 11, 12]), cut)]
    : [58, icmp(random.pick([1, 2, 3, 4]), cut)];
}

function someExtensions(random: Random): Extension[] {
  return Array.from(
    { length: random.below(EXTENSIONS_MAX + 1) },
    () => ({ kind: random.pick(KINDS), more: random.below(3) }),
  );
}

type Mutation = (bytes: Uint8Array, random: Random) => Uint8Array;

const MUTATIONS: readonly Mutation[] = [
  function setByte(bytes, random) {
    bytes[random.below(bytes.length)] = random.pick([0, 1, 0x7f, 0x80, 0xff, random.below(256)]);
    return bytes;
  },
  function cut(bytes, random) {
    return bytes.slice(0, 20 + random.below(Math.max(1, bytes.length - 20)));
  },
  function grow(bytes, random) {
    return concat(bytes, noise(random.below(256), random));
  },
  function scrambleTail(bytes, random) {
    const start = 20 + random.below(Math.max(1, bytes.length - 20));
    return bytes.map((byte, at) => at < start ? byte : random.below(256));
  },
  function repeatPiece(bytes, random) {
    const start = random.below(bytes.length);
    return concat(bytes, bytes.subarray(start, start + random.below(64)));
  },
];

function noise(length: number, random: Random): Uint8Array {
  return Uint8Array.from({ length }, () => random.below(256));
}

/** What ip_rcv_core() and ip6_rcv_core() refuse would never come to a queue. */
function repaired(
  changed: Uint8Array,
  family: Family,
  to: Address,
  random: Random,
): Uint8Array<ArrayBuffer> {
  const { bytes: header_bytes, destination_at, fragment_at } = HEADER[family];
  const length = Math.max(header_bytes, Math.min(BYTES_MAX, changed.length));
  const bytes = new Uint8Array(length);
  bytes.set(changed.subarray(0, length));
  if (random.below(ASTRAY) > 0) bytes.set(addressBytes(to), destination_at);
  if (fragment_at && random.below(ASTRAY) > 0) bytes.fill(0, fragment_at, fragment_at + 2);
  if (family === 4) repairIpv4(bytes);
  else repairIpv6(bytes);
  return bytes;
}

function repairIpv4(bytes: Uint8Array<ArrayBuffer>): void {
  const view = new DataView(bytes.buffer);
  const words = Math.min(Math.max(5, bytes[0]! & 0xf), bytes.length >> 2);
  bytes[0] = 0x40 | words;
  bytes[8] ||= 64;
  view.setUint16(2, bytes.length);
  view.setUint16(10, 0);
  view.setUint16(10, internetChecksum(bytes.subarray(0, words * 4)));
}

function repairIpv6(bytes: Uint8Array<ArrayBuffer>): void {
  bytes[0] = 0x60 | bytes[0]! & 0xf;
  bytes[7] ||= 64;
  new DataView(bytes.buffer).setUint16(4, bytes.length - HEADER[6].bytes);
}
