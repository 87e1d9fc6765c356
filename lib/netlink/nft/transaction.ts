import { isRefusal, KernelError } from "../../model/error.ts";
import type { NetlinkConnection, Request } from "../request.ts";
import { type ElementChange, elementRequests } from "./element_change.ts";
import { type ModulusChange, modulusRequest } from "./modulus.ts";
import * as NFT from "./protocol.ts";

/** A transaction that makes and removes nothing but elements. */
export interface SmallTransaction {
  /** In this order. */
  readonly elements: readonly ElementChange[];
  readonly moduli: readonly ModulusChange[];
}

/**
 * Carries one out. Nothing else of the ruleset is read for it: the cost is that of what changes, where
 * `nft -f` first reads the names of all chains, sets and objects there are.
 *
 * @returns false, with nothing changed, where it is too large for the socket's buffer after all
 * @throws {KernelError} ENOENT where something to be changed or deleted is not there; EEXIST where a key has
 * another value; nothing was changed then
 */
export function commitSmall(
  connection: NetlinkConnection,
  { elements, moduli }: SmallTransaction,
): boolean {
  const rules = moduli.map((change) => modulusRequest(connection, change) ?? missing(change));
  try {
    connection.transactAll(
      boundary("begin a transaction", NFT.BATCH_BEGIN),
      [...rules, ...elements.flatMap(elementRequests)],
      boundary("end a transaction", NFT.BATCH_END),
    );
    return true;
  } catch (error) {
    if (isRefusal(error, TOO_LARGE)) return false;
    throw error;
  }
}

/** By which a socket refuses to send (netlink_sendmsg, linux 6.18): 208 KiB, unless somebody set it otherwise. */
const TOO_LARGE = ["EMSGSIZE", "ENOBUFS"];

function missing({ chain, rule, from }: ModulusChange): never {
  throw new KernelError({
    operation: "replace",
    object: `rule ${rule + 1} of chain ${chain}`,
    errno: "ENOENT",
    message: `it does not choose among ${from} slots`,
  });
}

/** struct nfgenmsg, of which the last two bytes name the subsystem. */
function boundary(operation: string, type: number): Request {
  const header = Uint8Array.of(0, 0, 0, NFT.NFNL_SUBSYS_NFTABLES);
  return { operation, object: "nft ruleset", type, header };
}
