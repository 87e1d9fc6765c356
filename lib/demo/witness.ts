import type { RunResult } from "../sys/ports.ts";

/** What other programs than lb say of the balancer's namespace. */
export interface Witness {
  readonly sysctls: Readonly<Record<string, string>>;
  readonly addresses: string;
  readonly routes: string;
  readonly ruleset: string;
}

/** Keys that change by themselves. */
const RESTLESS = /nf_conntrack_count|\.random_table_perturb|\.ip_local_port_step_width/;

/** What packets put into sets, and time takes out: `--stateless` lists it all the same (nft 1.0.6). */
const PASSING = /\n\s*elements = \{[^}]* timeout [^}]*\}/g;

type Run = (argv: readonly string[]) => Promise<RunResult>;

/**
 * Asks sysctl, ip and nft.
 *
 * @param run runs a program in the balancer's namespace
 */
export async function lookAround(run: Run): Promise<Witness> {
  const [sysctls, addresses, routes4, routes6, ruleset] = await Promise.all([
    run(["sysctl", "-a", "--pattern", "^net\\."]),
    run(["ip", "-oneline", "address", "show"]),
    run(["ip", "route", "show", "table", "all"]),
    run(["ip", "-6", "route", "show", "table", "all"]),
    run(["nft", "--stateless", "list", "ruleset"]),
  ]);
  return {
    sysctls: parseSysctls(sysctls.stdout),
    addresses: addresses.stdout,
    routes: routes4.stdout + routes6.stdout,
    ruleset: ruleset.stdout.replaceAll(PASSING, ""),
  };
}

/** What differs between two looks; empty where all is as it was. Pure. */
export function differences(before: Witness, after: Witness): string[] {
  const keys = Object.keys(before.sysctls);
  const changed = keys.filter((key) => before.sysctls[key] !== after.sysctls[key]);
  const texts = (["addresses", "routes", "ruleset"] as const)
    .filter((name) => before[name] !== after[name]);
  return [
    ...changed.map((key) => `${key}: ${before.sysctls[key]}, now ${after.sysctls[key]}`),
    ...texts.map((name) => `${name} differ:\n${firstDifference(before[name], after[name])}`),
  ];
}

/** Keys that appeared in between belong to modules that were loaded: not compared. Pure. */
function parseSysctls(text: string): Record<string, string> {
  const lines = text.split("\n").filter((line) => line.includes(" = ") && !RESTLESS.test(line));
  return Object.fromEntries(lines.map((line) => {
    const at = line.indexOf(" = ");
    return [line.slice(0, at), line.slice(at + 3).trim()];
  }));
}

function firstDifference(before: string, after: string): string {
  const [old, now] = [before.split("\n"), after.split("\n")];
  const gone = old.filter((line) => !now.includes(line)).map((line) => `- ${line}`);
  const come = now.filter((line) => !old.includes(line)).map((line) => `+ ${line}`);
  return [...gone, ...come].slice(0, 10).join("\n");
}
