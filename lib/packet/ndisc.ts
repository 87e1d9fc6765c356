import { type Address, addressBytes } from "../model/address.ts";
import { internetChecksum } from "./checksum.ts";
import { concat } from "../model/bytes.ts";
import { ethernetFrame, requireMac, u16 } from "./ethernet.ts";

const ETH_P_IPV6 = 0x86dd;
const IPPROTO_ICMPV6 = 58;
const NEIGHBOR_ADVERTISEMENT = 136;
const FLAG_ROUTER = 0x80;
const FLAG_OVERRIDE = 0x20;
const OPTION_TARGET_MAC = 2;
/** Receivers drop anything that may have crossed a router (RFC 4861, section 7.1.2). */
const HOP_LIMIT = 255;

/** ff02::1, and the ethernet group it maps to (RFC 2464, section 7). */
const ALL_NODES = Uint8Array.of(0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1);
const ALL_NODES_MAC = Uint8Array.of(0x33, 0x33, 0, 0, 0, 1);

/**
 * The frame by which a host says "this address is mine": an unsolicited neighbour advertisement to all
 * nodes with the override flag (RFC 4861, section 7.2.6).
 *
 * @param mac of the interface that has the address
 * @param isRouter whether the interface forwards IPv6. The kernel sets the flag so in its own
 * answers, and a neighbour that sees it go away drops its routes through the address.
 * @throws {RangeError} unless the address is IPv6 and `mac` 6 bytes
 */
export function neighborAdvertisement(
  mac: Uint8Array,
  address: Address,
  { isRouter }: { readonly isRouter: boolean },
): Uint8Array {
  requireMac(mac);
  if (address.family !== 6) throw new RangeError(`NDP is for IPv6, got ${address.text}`);
  const ip = addressBytes(address);
  const icmp = advertisement(mac, ip, FLAG_OVERRIDE | (isRouter ? FLAG_ROUTER : 0));
  const payload = concat(ipv6Header(ip, icmp.length), icmp);
  return ethernetFrame({ destination: ALL_NODES_MAC, source: mac, type: ETH_P_IPV6, payload });
}

function advertisement(mac: Uint8Array, ip: Uint8Array, flags: number): Uint8Array {
  const withChecksum = (checksum: number) =>
    concat(
      [NEIGHBOR_ADVERTISEMENT, 0],
      u16(checksum),
      [flags, 0, 0, 0],
      ip,
      [OPTION_TARGET_MAC, 1],
      mac,
    );
  const unsummed = withChecksum(0);
  const pseudoHeader = concat(ip, ALL_NODES, [0, 0], u16(unsummed.length), [0, 0, 0], [
    IPPROTO_ICMPV6,
  ]);
  return withChecksum(internetChecksum(concat(pseudoHeader, unsummed)));
}

function ipv6Header(source: Uint8Array, length: number): Uint8Array {
  return concat([0x60, 0, 0, 0], u16(length), [IPPROTO_ICMPV6, HOP_LIMIT], source, ALL_NODES);
}
