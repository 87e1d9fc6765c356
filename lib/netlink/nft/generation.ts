import type { SocketsPort } from "../../sys/ports.ts";
import { DecodeError, readAttributes } from "../attribute_reader.ts";
import { nfgenmsg, NFGENMSG_BYTES } from "../nfnetlink.ts";
import { NETLINK_NETFILTER, type NetlinkConnection, withNetlink } from "../request.ts";
import * as NFT from "./protocol.ts";

/**
 * Generation of the network namespace's nft ruleset. It moves with every transaction of anyone on any
 * table, not with what packets add to a map; a new namespace begins at 1.
 *
 * @throws {KernelError} where the kernel has no nf_tables, or without CAP_NET_ADMIN
 */
export function readGeneration(sockets: SocketsPort): number {
  return withNetlink(sockets, NETLINK_NETFILTER, generationOf);
}

/** The same over a connection that is open. @throws {KernelError} */
export function generationOf(connection: NetlinkConnection): number {
  const request = {
    operation: "read the generation",
    object: "nft ruleset",
    type: NFT.GET_GENERATION,
    header: nfgenmsg(),
  };
  let generation: number | undefined;
  connection.transact(request, ({ body }) => {
    readAttributes(body, NFGENMSG_BYTES, (attribute) => {
      if (attribute.type === NFT.NFTA_GEN_ID) generation = attribute.u32be();
    });
  });
  if (generation === undefined) throw new DecodeError("no generation in the answer");
  return generation;
}

/** No generation is 0, and this one is two thousand million transactions from any that is seen. */
const NEVER = 0xffffffff;

/**
 * Waits until nobody is in the middle of a commit. A commit moves the generation first, and maps of
 * concatenated intervals last (nf_tables_commit, linux 6.18): in between such a map looks empty. And of
 * elements the kernel never says that they changed during a dump (nf_tables_dump_set sets no
 * NLM_F_DUMP_INTR). So what dumps read is of one generation where that is read, this is called, they are
 * made, and the generation is read again and is the same.
 *
 * A transaction against a generation that is not has to wait for the lock of commits before it is refused
 * (nf_tables_valid_genid, since linux 4.20): it changes nothing, and does not move the generation.
 *
 * @throws {KernelError} without CAP_NET_ADMIN
 */
export function awaitCommit(connection: NetlinkConnection): void {
  connection.transactUnless(["ERESTART"], {
    operation: "wait for a commit",
    object: "nft ruleset",
    type: NFT.BATCH_BEGIN,
    header: Uint8Array.of(0, 0, 0, NFT.NFNL_SUBSYS_NFTABLES),
    attributes: (writer) => writer.u32be(NFT.NFNL_BATCH_GENID, NEVER),
  });
}
