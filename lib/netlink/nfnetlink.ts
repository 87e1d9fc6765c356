/** What the families below NETLINK_NETFILTER share (linux/netfilter/nfnetlink.h). */
import type { Family } from "../model/address.ts";
import { familyNumber } from "./family.ts";

/** struct nfgenmsg: its length, which is where a message's attributes begin. */
export const NFGENMSG_BYTES = 4;

/** struct nfgenmsg for no family in particular, or for one. */
export function nfgenmsg(family?: Family): Uint8Array {
  return Uint8Array.of(familyNumber(family), 0, 0, 0);
}

/** Message type of a subsystem's message. */
export function nfnetlinkType(subsystem: number, message: number): number {
  return subsystem << 8 | message;
}
