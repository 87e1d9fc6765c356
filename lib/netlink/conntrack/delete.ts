import type { SocketsPort } from "../../sys/ports.ts";
import { nfgenmsg } from "../nfnetlink.ts";
import {
  NETLINK_NETFILTER,
  type NetlinkConnection,
  type Request,
  withNetlink,
} from "../request.ts";
import type { EntryKey } from "./entry.ts";
import { CT_DELETE, CTA_ID, CTA_TUPLE_ORIG, CTA_ZONE } from "./protocol.ts";
import { writeTuple } from "./tuple.ts";

/**
 * Deletes entries, one by one: a tcp connection's next packet meets a new choice, or none. An entry
 * that has gone meanwhile, or was replaced by one with the same tuple, is passed over.
 *
 * @returns how many were deleted
 * @throws {KernelError} where the kernel refuses; earlier ones are deleted
 */
export function deleteEntries(sockets: SocketsPort, entries: Iterable<EntryKey>): number {
  return withNetlink(sockets, NETLINK_NETFILTER, (connection) => {
    let deleted = 0;
    for (const entry of entries) if (deleteEntry(connection, entry)) deleted++;
    return deleted;
  });
}

/** Deletes one entry of a protocol with ports. @returns false where it was not there */
export function deleteEntry(connection: NetlinkConnection, entry: EntryKey): boolean {
  return connection.transactUnless(["ENOENT"], deleteRequest(entry));
}

/** The tuple is never left out: without one the kernel deletes every entry. */
function deleteRequest({ family, protocol, orig, id, zone }: EntryKey): Request {
  return {
    operation: "delete",
    object: `conntrack entry ${orig.src} ${orig.sport} → ${orig.dst} ${orig.dport}`,
    type: CT_DELETE,
    header: nfgenmsg(family),
    attributes(writer) {
      writer.nested(CTA_TUPLE_ORIG, (into) => writeTuple(into, family, { protocol, tuple: orig }));
      writer.u32be(CTA_ID, id);
      if (zone !== undefined) writer.u16be(CTA_ZONE, zone);
    },
  };
}
