/**
 * Test equipment: an in-memory nft. It interprets exactly the statements that lb's scripts use, on a copy
 * that takes the place of the tables at the end: a transaction that is refused half-way has changed
 * nothing, as in the kernel. (The idea is that of knftables' fake.go.)
 */
import { listTable } from "./nft_listing.ts";
import { addCollection, addElements, deleteElements, flushCollection } from "./nft_elements.ts";
import {
  parseChainBlock,
  parseCounterBlock,
  parseScript,
  type Statement,
  tokensOf,
} from "./nft_script.ts";
import {
  checkReferences,
  deleteObject,
  EEXIST,
  ENOENT,
  type FakeTable,
  found,
  newTable,
  Refused,
} from "./nft_table.ts";

/** How nft ended. */
export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export class FakeNft {
  #tables = new Map<string, FakeTable>();
  #lastTable = 0;

  /** As NFT_MSG_GETGEN tells it: one more with every transaction that changed something. */
  generation = 1;

  /** Names of all tables, `FAMILY NAME`. */
  get tables(): readonly string[] {
    return [...this.#tables.keys()];
  }

  /** A table by `FAMILY NAME`. */
  table(name: string): FakeTable | undefined {
    return this.#tables.get(name);
  }

  /**
   * `nft -f`: one transaction.
   *
   * @throws {SyntaxError} on a statement that the fake does not know
   */
  run(script: string): Outcome {
    const before = this.#tables;
    const statements = parseScript(script);
    this.#tables = structuredClone(before);
    for (const statement of statements) {
      try {
        this.#execute(statement);
      } catch (error) {
        this.#tables = before;
        if (error instanceof Refused) return refusal(statement, error.message);
        throw error;
      }
    }
    if (statements.length > 0) this.generation++;
    return { code: 0, stdout: "", stderr: "" };
  }

  /** Plays an operator: a change by hand that has to succeed. */
  edit(...lines: readonly string[]): void {
    const { code, stderr } = this.run(lines.join("\n"));
    if (code !== 0) throw new Error(stderr);
  }

  /**
   * `nft -n -j list WHAT`. `ruleset` is the terse form (-t): without elements, all tables.
   *
   * @param what `table inet lb`, `ruleset`, `counters table inet lb`, `map inet lb NAME`, `set …`
   */
  list(what: string): Outcome {
    const [kind = "", ...rest] = what.split(" ");
    const names = kind === "ruleset"
      ? this.tables
      : [rest.slice(kind === "counters" ? 1 : 0).slice(0, 2).join(" ")];
    const tables = names.map((name) => [name, this.#tables.get(name)] as const);
    const all = tables.flatMap(([name, table]) => table ? listTable(name, table).nftables : []);
    const wanted = all.filter((entry) => isWanted(kind, rest[2], entry));
    const isThere = kind === "ruleset" || tables.every(([, table]) => table) &&
        (kind === "table" || kind === "counters" || wanted.length > 0);
    if (!isThere) return { code: 1, stdout: "", stderr: `Error: ${ENOENT}\nlist ${what}\n` };
    const nftables = kind === "ruleset" ? wanted.map(withoutElements) : wanted;
    return { code: 0, stdout: JSON.stringify({ nftables }), stderr: "" };
  }

  #execute(statement: Statement): void {
    const { verb, kind, table: name } = statement;
    if (kind === "table") return this.#executeTable(verb, name);
    const table = found(this.#tables, name);
    const act = ACTIONS[`${verb} ${kind}`];
    if (!act) throw new SyntaxError(`the fake nft does not know ${verb} ${kind}`);
    act(table, statement);
  }

  #executeTable(verb: Statement["verb"], name: string): void {
    const table = this.#tables.get(name);
    if (verb === "create" && table) throw new Refused(EEXIST);
    if (verb === "delete" || verb === "flush") found(this.#tables, name);
    if (verb === "delete") this.#tables.delete(name);
    else if (verb === "flush") table?.chains.forEach(({ rules }) => rules.splice(0));
    else if (!table) this.#tables.set(name, newTable(++this.#lastTable));
  }
}

type Action = (table: FakeTable, statement: Statement) => void;

const ACTIONS: Readonly<Record<string, Action>> = {
  "add chain": addChain,
  "flush chain": (table, { name }) => void found(table.chains, name).rules.splice(0),
  "delete chain": (table, { name }) => deleteObject(table, "chains", name),
  "add rule": addRule,
  "replace rule": replaceRule,
  "delete rule": deleteRule,
  "add map": addCollection,
  "add set": addCollection,
  "flush map": flushCollection,
  "flush set": flushCollection,
  "delete map": (table, { name }) => deleteObject(table, "collections", name),
  "delete set": (table, { name }) => deleteObject(table, "collections", name),
  "create element": addElements,
  "add element": addElements,
  "delete element": deleteElements,
  "add counter": addCounter,
  "delete counter": (table, { name }) => deleteObject(table, "counters", name),
};

function addChain(table: FakeTable, { name, rest }: Statement): void {
  const { hook } = parseChainBlock(rest);
  const there = table.chains.get(name);
  if (!there) {
    table.chains.set(name, { kind: "chain", handle: ++table.lastHandle, hook, rules: [] });
  } else if (hook !== undefined) {
    // The policy of a base chain can be changed in place, where it hangs cannot.
    if (withoutPolicy(hook) !== withoutPolicy(there.hook)) throw new Refused(EEXIST);
    there.hook = hook;
  }
}

function withoutPolicy(hook: string | undefined): string | undefined {
  return hook?.replace(/ policy \w+;$/, "");
}

function addRule(table: FakeTable, { name, rest }: Statement): void {
  const { rules } = found(table.chains, name);
  const tokens = tokensOf(rest);
  checkReferences(table, tokens);
  rules.push({ handle: ++table.lastHandle, tokens });
}

/** `delete rule inet lb CHAIN handle N` */
function deleteRule(table: FakeTable, { name, rest }: Statement): void {
  const { rules } = found(table.chains, name);
  const at = rules.findIndex(({ handle }) => rest === `handle ${handle}`);
  if (at < 0) throw new Refused(ENOENT);
  rules.splice(at, 1);
}

/** `replace rule inet lb CHAIN handle N WORDS` */
function replaceRule(table: FakeTable, { name, rest }: Statement): void {
  const { rules } = found(table.chains, name);
  const [, handle, ...tokens] = tokensOf(rest);
  const at = rules.findIndex((rule) => handle === `${rule.handle}`);
  if (at < 0) throw new Refused(ENOENT);
  checkReferences(table, tokens);
  rules[at] = { handle: ++table.lastHandle, tokens };
}

/** A counter that is there goes on counting: nf_tables has no update for it. */
function addCounter(table: FakeTable, { name, rest }: Statement): void {
  if (table.counters.has(name)) return;
  const handle = ++table.lastHandle;
  table.counters.set(name, { kind: "counter", handle, ...parseCounterBlock(rest) });
}

function refusal({ verb, kind, table, name, rest }: Statement, words: string): Outcome {
  const line = [verb, kind, table, name, rest].filter(Boolean).join(" ").slice(0, 200);
  const stderr = `transaction:1:1-1: Error: Could not process rule: ${words}\n${line}\n^^^^\n`;
  return { code: 1, stdout: "", stderr };
}

type Entry = ReturnType<typeof listTable>["nftables"][number];

function isWanted(kind: string, name: string | undefined, entry: Entry): boolean {
  if (kind === "table" || kind === "ruleset") return true;
  if (kind === "counters") return "counter" in entry;
  return (entry as Record<string, { name?: string }>)[kind]?.name === name;
}

function withoutElements(entry: Entry): Entry {
  const [kind, { elem: _elem, ...rest }] = Object.entries(entry)[0] as [
    string,
    Record<string, unknown>,
  ];
  return { [kind]: rest };
}
