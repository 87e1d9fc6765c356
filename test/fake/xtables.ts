/**
 * Test equipment: the older iptables and its IPv6 twin, as far as they save and restore. A table is committed
 * whole or not at all, and those before one that is refused stay, as with the real programs.
 */
import type { RunResult } from "../../lib/sys/ports.ts";
import type { FakeFiles } from "./files.ts";

const BUILT_IN: Readonly<Record<string, readonly string[]>> = {
  raw: ["PREROUTING", "OUTPUT"],
  mangle: ["PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"],
  nat: ["PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"],
  filter: ["INPUT", "FORWARD", "OUTPUT"],
};

type Chains = Map<string, string[]>;

const DONE: RunResult = { code: 0, stdout: "", stderr: "" };

export class FakeXtables {
  /** Lines that the kernel refuses. */
  refuses: (line: string) => boolean = () => false;
  readonly #tables = { ip: new Map<string, Chains>(), ip6: new Map<string, Chains>() };
  readonly #files: FakeFiles;

  constructor(files: FakeFiles) {
    this.#files = files;
  }

  /** @returns undefined where it is another program */
  run([program = "", ...args]: readonly string[], stdin = ""): RunResult | undefined {
    const [, family, act] = /^(ip6?)tables-legacy-(save|restore)$/.exec(program) ?? [];
    if (family !== "ip" && family !== "ip6") return undefined;
    if (act === "save") return { ...DONE, stdout: this.#save(family) };
    if (!args.includes("--noflush")) this.#tables[family].clear();
    return this.#restore(family, stdin);
  }

  #save(family: "ip" | "ip6"): string {
    return Array.from(this.#tables[family], ([table, chains]) => {
      const names = [...chains.keys()].map((name) =>
        `:${name} ${BUILT_IN[table]!.includes(name) ? "ACCEPT" : "-"} [0:0]`
      );
      const rules = [...chains].flatMap(([name, rules]) =>
        rules.map((rule) => `-A ${name} ${rule}`)
      );
      return [`*${table}`, ...names, ...rules, "COMMIT\n"].join("\n");
    }).join("");
  }

  #restore(family: "ip" | "ip6", text: string): RunResult {
    const tables = this.#tables[family];
    for (const section of text.split(/^\*/m).slice(1)) {
      const [table = "", ...lines] = section.trimEnd().split("\n");
      const fresh = () => new Map(BUILT_IN[table]!.map((name) => [name, new Array<string>()]));
      const chains: Chains = structuredClone(tables.get(table)) ?? fresh();
      const refused = lines.find((line) => this.refuses(line) || !carryOut(chains, line));
      if (refused !== undefined) {
        return { code: 1, stdout: "", stderr: `iptables-restore: ${refused} failed\n` };
      }
      tables.set(table, chains);
    }
    const names = [...tables.keys()].map((name) => `${name}\n`).join("");
    this.#files.replace(`/proc/net/${family}_tables_names`, names, 0o444);
    return DONE;
  }
}

/** @returns whether it can be done */
function carryOut(chains: Chains, line: string): boolean {
  const [, declared] = /^:(\S+)/.exec(line) ?? [];
  if (declared) return chains.set(declared, []) !== undefined;
  if (line === "COMMIT") return true;
  const [, act, name = "", rule = ""] = /^-([AIDFX]) (\S+) ?(.*)$/.exec(line) ?? [];
  const rules = chains.get(name);
  if (!rules) return false;
  const jumps = /-j (LB-\S+)/.exec(rule)?.[1];
  if (jumps && !chains.has(jumps)) return false;
  if (act === "A") rules.push(rule);
  else if (act === "I") rules.unshift(rule);
  else if (act === "F") rules.length = 0;
  else if (act === "D") {
    return rules.includes(rule) && rules.splice(rules.indexOf(rule), 1).length > 0;
  } else return rules.length === 0 && chains.delete(name);
  return true;
}
