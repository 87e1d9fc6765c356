import { digestRules } from "../../netlink/nft/rule.ts";
import type { NetlinkConnection } from "../../netlink/request.ts";
import { type Recorded, StalePlanError } from "../engine.ts";
import { listingOf } from "./observe.ts";
import type { NftPlan } from "./plan.ts";
import { objectName, rulesOf } from "./snapshot.ts";
import { tableId } from "./table.ts";

/**
 * What the kernel made of the chains that a plan wrote: the part of a transaction that it does not tell in
 * our words.
 *
 * @throws {StalePlanError} where a chain has not the rules it was given: somebody else was there since
 */
export function readBack(
  connection: NetlinkConnection,
  { written }: NftPlan,
): Map<string, Recorded | undefined> {
  const objects = new Map<string, Recorded | undefined>();
  for (const [table, { chains, removed }] of written) {
    for (const name of removed) objects.set(objectName(table, "chain", name), undefined);
    for (const [name, chain] of chains) {
      const digest = digestRules(connection, tableId(table), name).get(name);
      if ((digest?.rules ?? 0) !== rulesOf(chain).length) throw disturbed(name);
      const recorded = { source: chain.source, listing: listingOf(digest) };
      objects.set(objectName(table, "chain", name), recorded);
    }
  }
  return objects;
}

function disturbed(chain: string): StalePlanError {
  const words = `somebody else changed chain ${chain} at the same moment`;
  return new StalePlanError(words, { hasLanded: true });
}
