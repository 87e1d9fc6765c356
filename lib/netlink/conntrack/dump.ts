import type { Family } from "../../model/address.ts";
import type { SocketsPort } from "../../sys/ports.ts";
import { nfgenmsg } from "../nfnetlink.ts";
import { NETLINK_NETFILTER, type Request, withNetlink } from "../request.ts";
import { type ConntrackEntry, readEntry } from "./entry.ts";
import { CT_GET, CTA_MARK, CTA_MARK_MASK } from "./protocol.ts";

/** Which entries to read; the kernel does the picking. Everything where nothing is said. */
export interface ConntrackFilter {
  readonly family?: Family;
  /** Entries whose mark has these values in the bits of the mask. */
  readonly mark?: { readonly value: number; readonly mask: number };
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

/** The request behind a dump. Without a family it covers both. */
export function dumpRequest({ family, mark }: ConntrackFilter): Request {
  return {
    operation: "list",
    object: "conntrack entries",
    type: CT_GET,
    header: nfgenmsg(family),
    attributes(writer) {
      if (mark) writer.u32be(CTA_MARK, mark.value).u32be(CTA_MARK_MASK, mark.mask);
    },
  };
}
