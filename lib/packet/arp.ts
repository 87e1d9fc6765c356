import { type Address, addressBytes } from "../model/address.ts";
import { concat } from "../model/bytes.ts";
import { ethernetFrame, MAC_BYTES, requireMac, u16 } from "./ethernet.ts";

const ETH_P_ARP = 0x0806;
const ETH_P_IP = 0x0800;
const HARDWARE_ETHERNET = 1;
const REQUEST = 1;
const BROADCAST = new Uint8Array(MAC_BYTES).fill(0xff);

/**
 * The frame by which a host says "this address is mine": an ARP announcement (RFC 5227, section 2.3),
 * a broadcast request with the address as sender's and as target's. A request and not a reply, because
 * that is what neighbours must look at (RFC 826).
 *
 * @param mac of the interface that has the address
 * @throws {RangeError} unless the address is IPv4 and `mac` 6 bytes
 */
export function arpAnnouncement(mac: Uint8Array, address: Address): Uint8Array {
  requireMac(mac);
  if (address.family !== 4) throw new RangeError(`ARP is for IPv4, got ${address.text}`);
  const ip = addressBytes(address);
  const payload = concat(
    u16(HARDWARE_ETHERNET),
    u16(ETH_P_IP),
    [MAC_BYTES, ip.length],
    u16(REQUEST),
    mac,
    ip,
    new Uint8Array(MAC_BYTES),
    ip,
  );
  return ethernetFrame({ destination: BROADCAST, source: mac, type: ETH_P_ARP, payload });
}
