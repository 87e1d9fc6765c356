import { FAMILIES, type Family } from "../../../model/address.ts";
import { dumpChains } from "../../../netlink/nft/chain.ts";
import { dumpElements, type ListedElement } from "../../../netlink/nft/element.ts";
import { digestRules } from "../../../netlink/nft/rule.ts";
import { dumpSets } from "../../../netlink/nft/set.ts";
import { dumpTables, type TableId, withNft } from "../../../netlink/nft/table.ts";
import type { NetlinkConnection } from "../../../netlink/request.ts";
import type { FilesPort, Kernel, SocketsPort } from "../../../sys/ports.ts";
import { NFT_TABLES, nftUnitName } from "./nft.ts";
import { XT_CHAIN, XT_ENTRANCES, XT_PROGRAMS, type XtTable, xtUnitName } from "./xtables.ts";

/** What the kernel tells of each unit that is there, by its name. */
export type Listings = ReadonlyMap<string, string>;

/**
 * lb's rules beside IPVS, whichever program wrote them. Asking loads nothing.
 *
 * @throws {KernelError}
 */
export async function listUnits({ files, sockets, process }: Kernel): Promise<Listings> {
  const tables = mightLoad(files, "nf_tables") ? [] : listTables(sockets);
  const chains = await Promise.all(
    FAMILIES.map((family) => listChains({ files, process }, family)),
  );
  return new Map([...tables, ...chains.flat()]);
}

/** A module that is there and not loaded: whoever asks for what it does has it loaded. */
function mightLoad(files: FilesPort, module: string): boolean {
  const isLoaded = files.read("/proc/modules")?.split("\n").some((line) =>
    line.startsWith(`${module} `)
  );
  if (isLoaded) return false;
  const release = files.read("/proc/sys/kernel/osrelease")?.trim() ?? "";
  const known = files.read(`/lib/modules/${release}/modules.dep`) ?? "";
  return known.includes(`/${module}.ko`);
}

function listTables(sockets: SocketsPort): (readonly [string, string])[] {
  return withNft(sockets, (connection) => {
    const there = dumpTables(connection);
    return NFT_TABLES.flatMap((table) => {
      const { family, name } = table;
      const found = there.find((one) => one.family === family && one.name === name);
      if (!found) return [];
      const words = `${found.isDormant ? "dormant\n" : ""}${listTable(connection, table)}`;
      return [[nftUnitName(table), words] as const];
    });
  });
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
): Promise<(readonly [string, string])[]> {
  // Tables of iptables' are made when first asked for; this file names those that are.
  const there = files.read(`/proc/net/${family === 4 ? "ip" : "ip6"}_tables_names`) ?? "";
  if (!there.split("\n").some(isXtTable)) return [];
  const { stdout } = await process.run([`${XT_PROGRAMS[family]}-save`]);
  return stdout.split(/^\*/m).flatMap((section) => {
    const [table = "", ...lines] = section.split("\n");
    const own = lines.filter((line) => OWN.test(line)).map((line) => line.replace(COUNTERS, ""));
    return isXtTable(table) && own.length > 0
      ? [[xtUnitName({ family, table }), own.join("\n")] as const]
      : [];
  });
}

/** lb's chain, a rule of its, or a jump to it. */
const OWN = new RegExp(`^:${XT_CHAIN} |^-A ${XT_CHAIN} |^-A .* -j ${XT_CHAIN}$`);

const COUNTERS = / \[\d+:\d+\]$/;

function isXtTable(name: string): name is XtTable {
  return name in XT_ENTRANCES;
}
