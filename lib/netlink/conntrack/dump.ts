import type { Family } from "../../model/address.ts";
import { isRefusal } from "../../model/error.ts";
import type { SocketsPort } from "../../sys/ports.ts";
import { nfgenmsg } from "../nfnetlink.ts";
import { NETLINK_NETFILTER, type Request, withNetlink } from "../request.ts";
import { type ConntrackEntry, type EntryKey, readEntry } from "./entry.ts";
import { CT_GET, CTA_MARK, CTA_MARK_MASK, CTA_STATUS, CTA_STATUS_MASK } from "./protocol.ts";

/** Which entries to read; the kernel does the picking. Everything where nothing is said. */
export interface ConntrackFilter {
  readonly family?: Family;
  /** Entries whose mark has these values in the bits of the mask. */
  readonly mark?: Bits;
  /** The same of its status. Only a help: older kernels pass over it and send everything. */
  readonly status?: Bits;
}

interface Bits {
  readonly value: number;
  readonly mask: number;
}

/**
 * The conntrack entries of the network namespace, in no order.
 *
 * @throws {KernelError} where the kernel has no conntrack netlink, or without CAP_NET_ADMIN
 */
export function dumpEntries(sockets: SocketsPort, filter: ConntrackFilter = {}): ConntrackEntry[] {
  return withNetlink(sockets, NETLINK_NETFILTER, (connection) =>
    connection.dump(
      dumpRequest(filter),
      () => new Array<ConntrackEntry>(),
      (entries, { body }) => entries.push(readEntry(body)),
    ));
}

/**
 * What the wanted ones among the entries are known by. Of the others nothing is kept: a busy balancer
 * has millions.
 *
 * @throws {KernelError} as {@linkcode dumpEntries}
 */
export function dumpKeys(
  sockets: SocketsPort,
  filter: ConntrackFilter,
  isWanted: (entry: ConntrackEntry) => boolean,
): EntryKey[] {
  return dumpSome(sockets, filter, (entry) => isWanted(entry) ? keyOf(entry) : undefined);
}

/**
 * What `pick` makes of the entries; of those it gives undefined for nothing is kept.
 *
 * @throws {KernelError} as {@linkcode dumpEntries}
 */
export function dumpSome<Picked>(
  sockets: SocketsPort,
  filter: ConntrackFilter,
  pick: (entry: ConntrackEntry) => Picked | undefined,
): Picked[] {
  return withNetlink(sockets, NETLINK_NETFILTER, (connection) =>
    connection.dump(
      dumpRequest(filter),
      () => new Array<Picked>(),
      (picked, { body }) => {
        const one = pick(readEntry(body));
        if (one !== undefined) picked.push(one);
      },
    ));
}

/**
 * {@linkcode dumpSome} for who can do without: IPVS works without conntrack, and some kernels have nothing else.
 *
 * @param onMissing is called where this kernel lists no entries; there are none then
 * @throws {KernelError} where it refuses for another reason
 */
export function dumpWhereThere<Picked>(
  sockets: SocketsPort,
  filter: ConntrackFilter,
  pick: (entry: ConntrackEntry) => Picked | undefined,
  onMissing: () => void = () => {},
): Picked[] {
  try {
    return dumpSome(sockets, filter, pick);
  } catch (error) {
    if (!isRefusal(error, NO_CONNTRACK)) throw error;
    onMissing();
    return [];
  }
}

/** What a kernel says that has no conntrack netlink (nfnetlink_rcv_msg, net/netfilter/nfnetlink.c). */
const NO_CONNTRACK = ["EINVAL", "EOPNOTSUPP", "EPROTONOSUPPORT", "ENOENT"];

/** What an entry is known by. */
export function keyOf({ family, protocol, orig, id, zone }: ConntrackEntry): EntryKey {
  return { family, protocol, orig, id, zone };
}

/** The request behind a dump. Without a family it covers both. */
export function dumpRequest({ family, mark, status }: ConntrackFilter): Request {
  return {
    operation: "list",
    object: "conntrack entries",
    type: CT_GET,
    header: nfgenmsg(family),
    attributes(writer) {
      if (mark) writer.u32be(CTA_MARK, mark.value).u32be(CTA_MARK_MASK, mark.mask);
      if (status) writer.u32be(CTA_STATUS, status.value).u32be(CTA_STATUS_MASK, status.mask);
    },
  };
}
