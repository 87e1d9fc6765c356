import type { Family } from "../../model/address.ts";
import type { TableId } from "../../netlink/nft/table.ts";

/**
 * The tables lb may have, in the order they are written. `inet lb` serves both IP versions; where the
 * kernel has no nat in inet tables (before linux 5.2, d164385ec572), `ip lb` and `ip6 lb` serve one each.
 */
export const TABLE_NAMES = ["inet lb", "ip lb", "ip6 lb"] as const;
export type TableName = typeof TABLE_NAMES[number];

/** The capability without which each IP version gets a table of its own. */
export const INET_NAT = "nft-inet-nat";

/** Families that share a table. */
export interface Layout {
  readonly table: TableName;
  readonly families: readonly Family[];
}

/** Which table holds what: one for both versions, or one for each. */
export function layouts(isSplit: boolean): readonly Layout[] {
  if (!isSplit) return [{ table: "inet lb", families: [4, 6] }];
  return [{ table: "ip lb", families: [4] }, { table: "ip6 lb", families: [6] }];
}

/** The table as netlink names it. */
export function tableId(table: TableName): TableId {
  const [family, name] = table.split(" ") as [TableId["family"], string];
  return { family, name };
}
