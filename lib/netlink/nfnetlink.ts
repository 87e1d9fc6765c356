/** What the families below NETLINK_NETFILTER share (linux/netfilter/nfnetlink.h). */
import type { Family } from "../model/address.ts";
import { familyNumber } from "./family.ts";

/** struct nfgenmsg: its length, which is where a message's attributes begin. */
export const NFGENMSG_BYTES = 4;

/**
 * struct nfgenmsg for no family in particular, or for one.
 *
 * @param resource what the message is about: its subsystem says what that is; a number of 16 bits
 */
export function nfgenmsg(family?: Family, resource = 0): Uint8Array {
  return Uint8Array.of(familyNumber(family), 0, resource >>> 8, resource & 0xff);
}

/** Message type of a subsystem's message. */
export function nfnetlinkType(subsystem: number, message: number): number {
  return subsystem << 8 | message;
}
