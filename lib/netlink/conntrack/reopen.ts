import type { SocketsPort } from "../../sys/ports.ts";
import { nfgenmsg } from "../nfnetlink.ts";
import { NETLINK_NETFILTER, type Request, withNetlink } from "../request.ts";
import type { EntryKey } from "./entry.ts";
import * as CT from "./protocol.ts";
import { writeTuple } from "./tuple.ts";

/**
 * Puts tcp entries into TIME_WAIT, as if one end had closed: packets go on as before, and are translated, but
 * a SYN from the same port gets an entry of its own (nf_conntrack_tcp_packet(), case TCP_CONNTRACK_SYN_SENT).
 * From its next packet on, an entry lasts as long as that state does (120 s) without another one.
 *
 * @returns how many were there
 * @throws {KernelError} where the kernel refuses
 */
export function letReopen(sockets: SocketsPort, entries: Iterable<EntryKey>): number {
  return withNetlink(sockets, NETLINK_NETFILTER, (connection) => {
    let count = 0;
    for (const entry of entries) {
      if (connection.transactUnless(["ENOENT"], reopenRequest(entry))) count++;
    }
    return count;
  });
}

/** The request behind it. An entry that is not there is not made: NLM_F_CREATE is left out. */
export function reopenRequest({ family, protocol, orig, zone }: EntryKey): Request {
  return {
    operation: "change",
    object: `conntrack entry ${orig.src} ${orig.sport} → ${orig.dst} ${orig.dport}`,
    type: CT.CT_NEW,
    header: nfgenmsg(family),
    attributes(writer) {
      writer.nested(
        CT.CTA_TUPLE_ORIG,
        (into) => writeTuple(into, family, { protocol, tuple: orig }),
      );
      writer.nested(CT.CTA_PROTOINFO, (info) =>
        info.nested(CT.CTA_PROTOINFO_TCP, (tcp) => {
          tcp.u8(CT.CTA_PROTOINFO_TCP_STATE, CT.TCP_STATES.indexOf("TIME_WAIT"));
          // struct nf_ct_tcp_flags: the flags, and which of them are meant.
          tcp.bytes(CT.CTA_PROTOINFO_TCP_FLAGS_ORIGINAL, CLOSE_INIT_ONLY);
        }));
      if (zone !== undefined) writer.u16be(CT.CTA_ZONE, zone);
    },
  };
}

const CLOSE_INIT_ONLY = Uint8Array.of(CT.IP_CT_TCP_FLAG_CLOSE_INIT, CT.IP_CT_TCP_FLAG_CLOSE_INIT);
