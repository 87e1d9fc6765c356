import type { SocketsPort } from "../../sys/ports.ts";
import { DecodeError, readAttributes } from "../attribute_reader.ts";
import { nfgenmsg, NFGENMSG_BYTES, nfnetlinkType } from "../nfnetlink.ts";
import { NETLINK_NETFILTER, withNetlink } from "../request.ts";

/** linux/netfilter/nfnetlink.h and nf_tables.h. */
const NFNL_SUBSYS_NFTABLES = 10;
const NFT_MSG_GETGEN = 16;
const NFTA_GEN_ID = 1;

/**
 * Generation of the network namespace's nft ruleset. It moves with every transaction of anyone on any
 * table, not with what packets add to a map; a new namespace begins at 1.
 *
 * @throws {KernelError} where the kernel has no nf_tables, or without CAP_NET_ADMIN
 */
export function readGeneration(sockets: SocketsPort): number {
  const request = {
    operation: "read the generation",
    object: "nft ruleset",
    type: nfnetlinkType(NFNL_SUBSYS_NFTABLES, NFT_MSG_GETGEN),
    header: nfgenmsg(),
  };
  let generation: number | undefined;
  withNetlink(sockets, NETLINK_NETFILTER, (connection) => {
    connection.transact(request, ({ body }) => {
      readAttributes(body, NFGENMSG_BYTES, (attribute) => {
        if (attribute.type === NFTA_GEN_ID) generation = attribute.u32be();
      });
    });
  });
  if (generation === undefined) throw new DecodeError("no generation in the answer");
  return generation;
}
