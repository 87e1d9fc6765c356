import { runWriter } from "../../../kernel/program.ts";
import { chainInput, writeChains } from "../../../kernel/xt_chain.ts";
import { FAMILIES } from "../../../model/address.ts";
import { LbError } from "../../../model/error.ts";
import type { Kernel } from "../../../sys/ports.ts";
import { type Listings, listUnits, type Sought } from "./listing.ts";
import { NFT_TABLES, nftUnitName } from "./nft.ts";
import type { Units, UnitStep } from "./unit.ts";
import { XT_CHAIN, XT_ENTRANCES, XT_TABLES, xtUnitName } from "./xtables.ts";

/** What there was before anything was written. */
export interface Before {
  /** As lb wrote them, as far as that is on record. */
  readonly units: Units;
  readonly listings: Listings;
  readonly sought: Sought;
}

/**
 * Carries the steps out, all or none: nft's tables in one transaction, each of iptables' in one of its own.
 *
 * @throws {KernelError} where one is refused
 */
export async function writeUnits(
  kernel: Kernel,
  steps: readonly UnitStep[],
  before: Before,
): Promise<void> {
  try {
    await write(kernel, steps, before.listings);
  } catch (error) {
    await takeUnitsBack(kernel, steps, before);
    throw error;
  }
}

/** Writes back what there was, as far as the kernel lets us: the first refusal is the one worth telling. */
export async function takeUnitsBack(
  kernel: Kernel,
  steps: readonly UnitStep[],
  before: Before,
): Promise<void> {
  try {
    const now = await listUnits(kernel, before.sought);
    await write(kernel, unitsBack(steps, before, now), now);
  } catch (error) {
    if (!(error instanceof LbError)) throw error;
  }
}

/** A table of nft's that is not on record as it was is not known well enough to be written again. */
function unitsBack(
  steps: readonly UnitStep[],
  { units, listings }: Before,
  now: Listings,
): UnitStep[] {
  const tables = NFT_TABLES.map(nftUnitName);
  return steps.filter(({ name }) => now.get(name) !== listings.get(name)).flatMap(({ name }) => {
    const words = listings.get(name);
    if (words === undefined) return [{ name }];
    const text = tables.includes(name) ? units.get(name)?.text : rulesIn(words);
    return text === undefined ? [] : [{ name, text }];
  });
}

function rulesIn(words: string): string {
  return words.split("\n").filter((line) => line.startsWith(`-A ${XT_CHAIN} `)).join("\n");
}

/** @param before what the kernel holds */
async function write(
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
      const chain = { table, name: XT_CHAIN, entrances: [XT_ENTRANCES[table]] };
      return step ? [chainInput(chain, step.text, before.get(name) ?? "")] : [];
    });
    if (chains.length > 0) await writeChains(kernel.process, family, XT_CHAIN, chains.join(""));
  }
}

async function writeTables(kernel: Kernel, text: string): Promise<void> {
  // A file, not a pipe: it is still there to be read when an operator wonders what was refused.
  const path = `${kernel.runDir}/ipvs.nft`;
  kernel.files.replace(path, text, 0o600);
  const names = NFT_TABLES.map(({ family, name }) => `${family} ${name}`);
  const object = `table ${names.join(", ")}`;
  await runWriter(kernel.process, ["nft", "-f", path], { operation: "nft -f", object });
}
