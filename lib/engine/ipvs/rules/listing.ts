import { FAMILIES, type Family } from "../../../model/address.ts";
import { isLoadable } from "../../../kernel/modules.ts";
import { savedOrMissing, xtTables } from "../../../kernel/saved_rules.ts";
import { savedChains } from "../../../kernel/xt_chain.ts";
import { LbError } from "../../../model/error.ts";
import { dumpChains } from "../../../netlink/nft/chain.ts";
import { dumpElements, type ListedElement } from "../../../netlink/nft/element.ts";
import { digestRules } from "../../../netlink/nft/rule.ts";
import { dumpSets } from "../../../netlink/nft/set.ts";
import { dumpTables, type TableId, withNftIfAny } from "../../../netlink/nft/table.ts";
import type { NetlinkConnection } from "../../../netlink/request.ts";
import type { Kernel, SocketsPort } from "../../../sys/ports.ts";
import { NFT_TABLES, nftUnitName } from "./nft.ts";
import { XT_CHAIN, XT_ENTRANCES, type XtTable, xtUnitName } from "./xtables.ts";

/** What the kernel tells of each unit that is there, by its name. */
export type Listings = ReadonlyMap<string, string>;

/** Where to look. */
export interface Sought {
  /** Whether lb may have chains of iptables' here: to list them a program is run. */
  readonly chains: boolean;
  /** Whether this unit has to be told of: without its program nobody can. @default none has */
  readonly isKnown?: (unit: string) => boolean;
}

/**
 * lb's rules beside IPVS, whichever program wrote them. Asking loads nothing.
 *
 * @throws {KernelError}
 * @throws {LbError} `unsupported` where a unit is known and the program that tells of it is missing
 */
export async function listUnits(kernel: Kernel, sought: Sought): Promise<Listings> {
  const tables = isLoadable(kernel, "nf_tables") ? [] : listTables(kernel.sockets);
  const chains = sought.chains
    ? await Promise.all(FAMILIES.map((family) => listChains(kernel, family, sought.isKnown)))
    : [];
  return new Map([...tables, ...chains.flat()]);
}

function listTables(sockets: SocketsPort): (readonly [string, string])[] {
  return withNftIfAny(sockets, (connection) => {
    const there = dumpTables(connection);
    return NFT_TABLES.flatMap((table) => {
      const { family, name } = table;
      const found = there.find((one) => one.family === family && one.name === name);
      if (!found) return [];
      const words = `${found.isDormant ? "dormant\n" : ""}${listTable(connection, table)}`;
      return [[nftUnitName(table), words] as const];
    });
  }) ?? [];
}

function listTable(connection: NetlinkConnection, table: TableId): string {
  const listed = dumpChains(connection, table);
  const digests = digestRules(connection, table, listed.map(({ name }) => name));
  const chains = listed.map(({ name, hook }) => {
    const { rules = 0, digest = "" } = digests.get(name) ?? {};
    return `chain ${name} ${JSON.stringify(hook)} ${rules} ${digest}`;
  });
  const sets = dumpSets(connection, table).map((set) => {
    const elements: string[] = [];
    dumpElements(connection, table, set.name, (element) => elements.push(elementText(element)));
    return `set ${JSON.stringify(set)} ${elements.sort().join(" ")}`;
  });
  return [...chains, ...sets].join("\n");
}

function elementText({ key, key_end, isIntervalEnd, data }: ListedElement): string {
  const value = data instanceof Uint8Array ? data.toHex() : JSON.stringify(data ?? "");
  return `${key.toHex()}-${key_end?.toHex() ?? ""}${isIntervalEnd ? "-" : ""}:${value}`;
}

/** Rules in lb's chains, and those that lead to them, as they are saved, by unit. */
async function listChains(
  { files, process }: Pick<Kernel, "files" | "process">,
  family: Family,
  isKnown: Sought["isKnown"],
): Promise<(readonly [string, string])[]> {
  const there = xtTables(files, family).filter(isXtTable);
  if (there.length === 0) return [];
  const saved = await savedOrMissing(process, family);
  if (saved instanceof LbError) {
    const known = there.map((table) => xtUnitName({ family, table })).filter((one) =>
      isKnown?.(one)
    );
    if (known.length > 0) throw untold(known, saved);
    return [];
  }
  return [...savedChains(saved, XT_CHAIN)].flatMap(([table, own]) =>
    isXtTable(table) ? [[xtUnitName({ family, table }), own] as const] : []
  );
}

function untold(units: readonly string[], missing: LbError): LbError {
  const message = `${missing.message}; it is needed for lb's rules of ${units.join(", ")}`;
  return new LbError("unsupported", message, { cause: missing });
}

function isXtTable(name: string): name is XtTable {
  return name in XT_ENTRANCES;
}
