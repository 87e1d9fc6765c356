import { digestRules, type RuleDigest } from "../../netlink/nft/rule.ts";
import type { NetlinkConnection } from "../../netlink/request.ts";
import type { Recorded } from "../../model/state.ts";
import { StalePlanError } from "../engine.ts";
import { listingOf } from "./observe.ts";
import type { NftPlan } from "./plan.ts";
import { objectName, rulesOf } from "./snapshot.ts";
import { tableId } from "./table.ts";

/** What the kernel tells of the chains that a plan wrote. */
export interface ReadBack {
  readonly objects: Map<string, Recorded | undefined>;
  /** All rules were written one after the other, as the plan's are: nobody has replaced one since. */
  readonly isInTurn: boolean;
}

/**
 * What the kernel made of the chains that a plan wrote: the part of a transaction that it does not tell in
 * our words.
 *
 * @throws {StalePlanError} where a chain has not as many rules as it was given: somebody else was there since
 */
export function readBack(connection: NetlinkConnection, { written }: NftPlan): ReadBack {
  const objects = new Map<string, Recorded | undefined>();
  let isInTurn = true;
  for (const [table, { chains, removed }] of written) {
    for (const name of removed) objects.set(objectName(table, "chain", name), undefined);
    let before: RuleDigest | undefined;
    for (const [name, chain] of chains) {
      const digest = digestRules(connection, tableId(table), [name]).get(name);
      if ((digest?.rules ?? 0) !== rulesOf(chain).length) throw disturbed(name);
      const recorded = { source: chain.source, listing: listingOf(digest) };
      objects.set(objectName(table, "chain", name), recorded);
      isInTurn &&= !digest || follows(digest, before);
      before = digest ?? before;
    }
  }
  return { objects, isInTurn };
}

function follows({ rules, first_handle, last_handle }: RuleDigest, before?: RuleDigest): boolean {
  return last_handle - first_handle === rules - 1 &&
    (before === undefined || first_handle === before.last_handle + 1);
}

function disturbed(chain: string): StalePlanError {
  const words = `somebody else changed chain ${chain} at the same moment`;
  return new StalePlanError("nft", words, { hasLanded: true });
}
