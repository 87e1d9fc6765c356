import type { Family } from "../model/address.ts";
import type { ProcessPort } from "../sys/ports.ts";
import { runWriter } from "./program.ts";
import { XT_PROGRAMS } from "./saved_rules.ts";

/** A chain of lb's in a table of iptables', jumped to from chains that are built in. */
export interface XtChain {
  readonly table: string;
  readonly name: string;
  readonly entrances: readonly string[];
  /** Whether the rules of others there come first. @default false */
  readonly isLast?: boolean;
}

const COUNTERS = / \[\d+:\d+\]$/;

/**
 * A chain, its rules and the jumps to it, as they are saved, by table. Pure.
 *
 * @param saved by iptables-save
 */
export function savedChains(saved: string, chain: string): Map<string, string> {
  const own = new RegExp(`^:${chain} |^-A ${chain} |^-A .* -j ${chain}$`);
  return new Map(
    saved.split(/^\*/m).flatMap((section) => {
      const [table = "", ...lines] = section.split("\n");
      const found = lines.filter((line) => own.test(line))
        .map((line) => line.replace(COUNTERS, ""));
      return found.length > 0 ? [[table, found.join("\n")] as const] : [];
    }),
  );
}

/**
 * Input of iptables-restore: the chain with these rules in place of whatever has its name, or gone. Pure.
 *
 * @param found what is there of it, as {@linkcode savedChains} has it
 */
export function chainInput(
  { table, name, entrances, isLast = false }: XtChain,
  rules: string | undefined,
  found: string,
): string {
  const jumps = found.split("\n").filter((line) => line.endsWith(` -j ${name}`)).map(deletion);
  const declared = `:${name} - [0:0]`;
  const commands = rules === undefined
    ? [declared, ...jumps, `-F ${name}`, `-X ${name}`]
    // Declaring the chain empties it.
    : [
      declared,
      ...jumps,
      ...entrances.map((from) => `${isLast ? "-A" : "-I"} ${from} -j ${name}`),
      rules,
    ];
  return `*${table}\n${commands.join("\n")}\nCOMMIT\n`;
}

function deletion(rule: string): string {
  return rule.replace(/^-A /, "-D ");
}

/**
 * Has chains written, each table's in one piece.
 *
 * @param name of the chains, for errors
 * @param input of {@linkcode chainInput}, one table's behind the other's
 * @throws {KernelError} where it was refused
 */
export async function writeChains(
  process: Pick<ProcessPort, "run">,
  family: Family,
  name: string,
  input: string,
): Promise<void> {
  const program = `${XT_PROGRAMS[family]}-restore`;
  await runWriter(process, [program, "-w", "--noflush"], {
    operation: program,
    object: `chains ${name}`,
    stdin: input,
  });
}
