import { FAMILIES, type Family } from "../../model/address.ts";
import type { DesiredState } from "../../model/state.ts";
import type { TableId } from "../../netlink/nft/table.ts";

/**
 * The tables lb may have, in the order they are written. `inet lb` serves both IP versions; where the
 * kernel has no nat in inet tables (before linux 5.2, d164385ec572), `ip lb` and `ip6 lb` serve one each.
 * `netdev lb` is for `forward = "dr"`.
 */
export const TABLE_NAMES = ["inet lb", "ip lb", "ip6 lb", "netdev lb"] as const;
export type TableName = typeof TABLE_NAMES[number];

/** Catches packets before conntrack and routing. */
export const INGRESS_TABLE: TableName = "netdev lb";

/** The capability without which each IP version gets a table of its own. */
export const INET_NAT = "nft-inet-nat";

/** Families that share a table. */
export interface Layout {
  readonly table: TableName;
  readonly families: readonly Family[];
}

/** What decides which tables there are. */
export type Layered = Pick<DesiredState, "services" | "lacks" | "lingers">;

/** The tables of a state. One that would serve nobody is not there. */
export function layoutsOf(state: Layered): Layout[] {
  const isDirect = state.services.some(({ forward }) => forward === "dr");
  const isNat = state.lingers || state.services.some(({ forward }) => forward !== "dr");
  return [
    ...(isNat ? natLayouts(isSplit(state)) : []),
    ...(isDirect ? [{ table: INGRESS_TABLE, families: FAMILIES }] : []),
  ];
}

/** The names of its tables. */
export function tableNames(state: Layered): TableName[] {
  return layoutsOf(state).map(({ table }) => table);
}

/** Whether each IP version has a table of its own for what is translated. */
export function isSplit({ lacks }: Pick<DesiredState, "lacks">): boolean {
  return lacks.includes(INET_NAT);
}

function natLayouts(isSplit: boolean): readonly Layout[] {
  if (!isSplit) return [{ table: "inet lb", families: FAMILIES }];
  return [{ table: "ip lb", families: [4] }, { table: "ip6 lb", families: [6] }];
}

/** The table as netlink names it. */
export function tableId(table: TableName): TableId {
  const [family, name] = table.split(" ") as [TableId["family"], string];
  return { family, name };
}
