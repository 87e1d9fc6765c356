import { savedOrMissing, XT_PROGRAMS, xtTables } from "../../kernel/saved_rules.ts";
import { chainInput, savedChains, writeChains, type XtChain } from "../../kernel/xt_chain.ts";
import { FAMILIES, type Family } from "../../model/address.ts";
import { LbError } from "../../model/error.ts";
import type { MarkLayout } from "../../model/mark.ts";
import type { QueueRange } from "../../model/queue.ts";
import type { Kernel } from "../../sys/ports.ts";

/**
 * One rule of iptables' that hands packets with lb's flag to the queue worker, where nft has no queues of its own
 * (before linux 5.4 without a module, and where the kernel was built without NFT_QUEUE). It never changes: which
 * packets bear the flag is told by nft's sets.
 */
const CHAIN: XtChain = {
  table: "mangle",
  name: "LB-QUEUE",
  entrances: ["PREROUTING", "OUTPUT"],
  // What was in a queue goes on behind the table: the rules of others in it come before.
  isLast: true,
};

/** What is in lb's chain of each IP version, as it is saved; without one there is none. */
export type QueueRules = ReadonlyMap<Family, string>;

/** A chain that is to be written, or to go. */
export interface QueueRuleStep {
  readonly family: Family;
  /** undefined: it goes. */
  readonly rules?: string;
  /** What is there now. */
  readonly found: string;
}

/** The rules that hand flagged packets over. Pure. */
export function wantedRules(marks: MarkLayout, { first, count }: QueueRange): QueueRules {
  const flag = `0x${marks.flag.toString(16)}`;
  const queue = count === 1
    ? `--queue-num ${first} --queue-bypass`
    : `--queue-balance ${first}:${first + count - 1} --queue-bypass --queue-cpu-fanout`;
  const rule = `-A ${CHAIN.name} -m mark --mark ${flag}/${flag} -j NFQUEUE ${queue}`;
  return new Map(FAMILIES.map((family) => [family, rule]));
}

/** What there is. Asking makes no table. @throws {KernelError} where the kernel cannot be asked */
export async function observeRules(
  { files, process }: Pick<Kernel, "files" | "process">,
): Promise<QueueRules> {
  const found = await Promise.all(FAMILIES.map(async (family) => {
    if (!xtTables(files, family).includes(CHAIN.table)) return [];
    const saved = await savedOrMissing(process, family);
    const own = saved instanceof LbError ? undefined : savedChains(saved, CHAIN.name);
    const text = own?.get(CHAIN.table);
    return text === undefined ? [] : [[family, text] as const];
  }));
  return new Map(found.flat());
}

/** What differs, a chain at a time. Pure. */
export function ruleSteps(want: QueueRules | undefined, have: QueueRules): QueueRuleStep[] {
  return FAMILIES.flatMap((family): QueueRuleStep[] => {
    const [rules, found = ""] = [want?.get(family), have.get(family)];
    return isWhole(rules, found) ? [] : [{ family, found, rules }];
  });
}

/** What is there is what these rules are saved as; without rules, nothing is. */
export function isWhole(rules: string | undefined, found: string): boolean {
  return found === (rules === undefined ? "" : wholeText(rules));
}

/** As it is saved once it is written. */
function wholeText(rules: string): string {
  const jumps = CHAIN.entrances.map((from) => `-A ${from} -j ${CHAIN.name}`);
  return [`:${CHAIN.name} -`, ...jumps, rules].join("\n");
}

/** How a chain is named in plans and events. */
export function ruleObject({ family }: Pick<QueueRuleStep, "family">): string {
  return `rules of ${XT_PROGRAMS[family]} table ${CHAIN.table}`;
}

/** Writes chains, each in one piece. @throws {KernelError} where one is refused */
export async function writeRules(
  { process }: Pick<Kernel, "process">,
  steps: readonly QueueRuleStep[],
): Promise<void> {
  for (const { family, rules, found } of steps) {
    await writeChains(process, family, CHAIN.name, chainInput(CHAIN, rules, found));
  }
}
