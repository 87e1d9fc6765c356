import { XT_PROGRAMS } from "../../../kernel/saved_rules.ts";
import { FAMILIES, type Family } from "../../../model/address.ts";
import { KernelError } from "../../../model/error.ts";
import type { Kernel } from "../../../sys/ports.ts";
import type { Listings } from "./listing.ts";
import { NFT_TABLES, nftUnitName } from "./nft.ts";
import type { UnitStep } from "./unit.ts";
import { XT_CHAIN, XT_ENTRANCES, XT_TABLES, type XtTable, xtUnitName } from "./xtables.ts";

const TIMEOUT_MS = 120_000;

/**
 * Carries the steps out: nft's tables in one transaction, each of iptables' in one of its own.
 *
 * @param before what the kernel holds
 * @throws {KernelError} where one is refused
 */
export async function writeUnits(
  kernel: Kernel,
  steps: readonly UnitStep[],
  before: Listings,
): Promise<void> {
  const byName = new Map(steps.map((step) => [step.name, step]));
  const tables = NFT_TABLES.flatMap((table) => {
    const step = byName.get(nftUnitName(table));
    const name = `${table.family} ${table.name}`;
    return step ? [step.text ?? `add table ${name}\ndelete table ${name}\n`] : [];
  });
  if (tables.length > 0) await writeTables(kernel, tables.join(""));
  for (const family of FAMILIES) {
    const chains = XT_TABLES.flatMap((table) => {
      const name = xtUnitName({ family, table });
      const step = byName.get(name);
      return step ? [chainText(table, step.text, before.get(name) ?? "")] : [];
    });
    if (chains.length > 0) await writeChains(kernel, family, chains.join(""));
  }
}

async function writeTables(kernel: Kernel, text: string): Promise<void> {
  // A file, not a pipe: it is still there to be read when an operator wonders what was refused.
  const path = `${kernel.runDir}/ipvs.nft`;
  kernel.files.replace(path, text, 0o600);
  await run(kernel, ["nft", "-f", path], "nft tables lb-ipvs");
}

/** Input of iptables-restore: the chain in place of whatever has its name, or gone. */
function chainText(table: XtTable, text: string | undefined, found: string): string {
  const jumps = found.split("\n").filter((line) => line.endsWith(` -j ${XT_CHAIN}`)).map(deletion);
  const declared = `:${XT_CHAIN} - [0:0]`;
  const commands = text === undefined
    ? [declared, ...jumps, `-F ${XT_CHAIN}`, `-X ${XT_CHAIN}`]
    // Declaring the chain empties it.
    : [declared, ...jumps, `-I ${XT_ENTRANCES[table]} -j ${XT_CHAIN}`, text];
  return `*${table}\n${commands.join("\n")}\nCOMMIT\n`;
}

async function writeChains(kernel: Kernel, family: Family, text: string): Promise<void> {
  const program = `${XT_PROGRAMS[family]}-restore`;
  await run(kernel, [program, "-w", "--noflush"], `chains ${XT_CHAIN}`, text);
}

function deletion(rule: string): string {
  return rule.replace(/^-A /, "-D ");
}

async function run(
  { process }: Kernel,
  argv: readonly [string, ...string[]],
  object: string,
  stdin?: string,
): Promise<void> {
  const { code, stderr } = await process.run(argv, { stdin, timeout_ms: TIMEOUT_MS });
  if (code === 0) return;
  const lines = stderr.split("\n").filter((line) => line.trim() && !/^[\s^]*$/.test(line));
  const message = lines.slice(0, 4).join(" / ") || `exit code ${code}`;
  throw new KernelError({ operation: argv.join(" "), object: `rules of ${object}`, message });
}
