import { dumpChains, type ListedChain, type ListedHook } from "../../netlink/nft/chain.ts";
import { dumpElements } from "../../netlink/nft/element.ts";
import { dumpCounters, dumpForeign } from "../../netlink/nft/object.ts";
import { digestRules, type RuleDigest } from "../../netlink/nft/rule.ts";
import { dumpSets, type ListedSet } from "../../netlink/nft/set.ts";
import { dumpTables, type ListedTable } from "../../netlink/nft/table.ts";
import type { NetlinkConnection } from "../../netlink/request.ts";
import type { Committed } from "../engine.ts";
import { elementReader } from "./element.ts";
import { kindOf, listedHeader } from "./header.ts";
import { isDynamic } from "./names.ts";
import {
  type Chain,
  type Collection,
  objectName,
  REVISION_SET,
  type Snapshot,
  snapshotOf,
  type Table,
} from "./snapshot.ts";
import { TABLE_NAMES, tableId, type TableName } from "./table.ts";

/**
 * lb's tables as the kernel has them. What packets put into maps is left out: whoever sends packets would
 * decide how long this takes.
 *
 * @throws {KernelError}
 */
export function observeTables(connection: NetlinkConnection, committed?: Committed): Snapshot {
  const listed = dumpTables(connection);
  const tables = TABLE_NAMES.flatMap((name) => {
    const { family, name: short } = tableId(name);
    const found = listed.find((table) => table.family === family && table.name === short);
    const table = found && observeTable(connection, name, found, committed);
    // A table of this name that another program made has no such set; inet lb has always been lb's.
    const isOurs = table?.collections.has(REVISION_SET) || name === TABLE_NAMES[0];
    return table && isOurs ? [[name, table] as const] : [];
  });
  return snapshotOf(new Map(tables), committed !== undefined);
}

/** What rules are known by on record: their number, and a fingerprint of them. */
export function listingOf(digest: RuleDigest | undefined): string {
  return digest ? `${digest.rules} ${digest.digest}` : "0";
}

function observeTable(
  connection: NetlinkConnection,
  name: TableName,
  { isDormant }: ListedTable,
  committed?: Committed,
): Table {
  const id = tableId(name);
  const found = dumpChains(connection, id);
  const digests = digestRules(connection, id, found.map((chain) => chain.name));
  const chains = found.map((chain) => {
    const listing = listingOf(digests.get(chain.name));
    return [chain.name, readChain(name, chain, listing, committed)] as const;
  });
  const collections = dumpSets(connection, id).map((set) => {
    return [set.name, readCollection(connection, name, set)] as const;
  });
  const tokens = [...new Map(collections).get(REVISION_SET)?.elements.keys() ?? []];
  const foreign = dumpForeign(connection, id);
  return {
    token: tokens.length === 1 ? tokens[0] : undefined,
    chains: new Map(chains),
    collections: new Map(collections),
    counters: new Map(dumpCounters(connection, id).map((counter) => [counter.name, counter])),
    foreign: isDormant ? [...foreign, "a flag that makes it dormant"] : foreign,
  };
}

/** A chain whose rules are as on record has the source that they were written from. */
function readChain(
  table: TableName,
  { name, hook }: ListedChain,
  listing: string,
  committed?: Committed,
): Chain {
  const known = committed?.objects.get(objectName(table, "chain", name));
  const source = known?.listing === listing ? known.source : `listing:${listing}`;
  return { source, hook: hook && hookText(hook) };
}

/** NF_INET_* of linux/netfilter.h by number. */
const HOOKS = ["prerouting", "input", "forward", "output", "postrouting", "ingress"];

/** NF_NETDEV_*. */
const DEVICE_HOOKS = ["ingress", "egress"];

function hookText({ type, hooknum, priority, policy, devices }: ListedHook): string {
  const hook = (devices.length > 0 ? DEVICE_HOOKS : HOOKS)[hooknum] ?? hooknum;
  const at = devices.map((name) => ` device "${name}"`).join("");
  return `type ${type} hook ${hook}${at} priority ${priority}; policy ${policy};`;
}

function readCollection(
  connection: NetlinkConnection,
  table: TableName,
  set: ListedSet,
): Collection {
  const reader = isDynamic(set.name) ? undefined : elementReader(set);
  if (reader) {
    dumpElements(connection, tableId(table), set.name, (element) => reader.add(element));
  }
  const elements = reader?.result() ?? new Map<string, string>();
  return { kind: kindOf(set), header: listedHeader(set), elements };
}
