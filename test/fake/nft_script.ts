/**
 * Test equipment: reads the statements of nft scripts that lb writes (and that tests write to play an
 * operator). Anything else fails the test: what is not understood cannot be said to work.
 */
import type { Declaration } from "./nft_table.ts";

const VERBS = ["create", "add", "replace", "delete", "flush"] as const;
const KINDS = ["table", "chain", "rule", "map", "set", "element", "counter"] as const;

export interface Statement {
  readonly verb: typeof VERBS[number];
  readonly kind: typeof KINDS[number];
  /** `inet lb` */
  readonly table: string;
  /** Of the chain, collection or counter; empty for a table. */
  readonly name: string;
  /** What stands behind the name, braces of a block taken off. */
  readonly rest: string;
}

const STATEMENT = new RegExp(
  `^(${VERBS.join("|")}) (${KINDS.join("|")}) (\\w+ [\\w-]+)(?: ([\\w./-]+)(?: (.+))?)?$`,
);

/** @throws {SyntaxError} on anything the fake does not know */
export function parseScript(text: string): Statement[] {
  return text.split("\n").filter((line) => line.trim() !== "").map(parseStatement);
}

function parseStatement(line: string): Statement {
  const [, verb, kind, table, name = "", rest = ""] = STATEMENT.exec(line) ?? [];
  if (!verb || !kind || !table || (kind === "table") !== (name === "")) {
    throw new SyntaxError(`the fake nft does not know this statement: ${line}`);
  }
  const block = /^\{ ?(.*?) ?\}$/.exec(rest)?.[1];
  if (rest !== "" && (kind === "rule") === (block !== undefined)) {
    throw new SyntaxError(`the fake nft does not know this form: ${line}`);
  }
  return {
    verb: verb as Statement["verb"],
    kind: kind as Statement["kind"],
    table,
    name,
    rest: block ?? rest,
  };
}

/** `KEY : VALUE, KEY` → pairs; a set's values are empty. */
export function parseElements(text: string): [string, string][] {
  return text.split(", ").map((element) => {
    const [key = "", value = "", ...more] = element.split(" : ");
    if (key === "" || more.length > 0) {
      throw new SyntaxError(`the fake nft does not know this element: ${element}`);
    }
    return [key, value];
  });
}

const DECLARATION =
  /^typeof ([^;:]+?)(?: : ([^;:]+))?;(?: flags ([a-z,]+);)?(?: size (\d+);)?(?: timeout (\d+)s;)?$/;

/** @throws {SyntaxError} */
export function parseDeclaration(text: string): Declaration {
  const [, key, value, flags, size, timeout] = DECLARATION.exec(text) ?? [];
  if (key === undefined) throw new SyntaxError(`the fake nft does not know this type: ${text}`);
  return {
    fields: key.split(" . "),
    value,
    flags: flags?.split(",") ?? [],
    size: size === undefined ? undefined : Number(size),
    timeout_ms: timeout === undefined ? undefined : Number(timeout) * 1000,
  };
}

/** Words of a rule; a quoted text is one word. */
export function tokensOf(rule: string): string[] {
  return rule.match(/"[^"]*"|\S+/g) ?? [];
}

const HOOK =
  /^type (\w+) hook (\w+)(?: devices? = \{ (.+?) \}| device (\S+))? priority (-?\d+); policy (\w+);/;

export interface Hook {
  readonly type: string;
  readonly hook: string;
  readonly priority: number;
  readonly policy: string;
  /** Interfaces; only at ingress. */
  readonly devices: readonly string[];
}

/** Reads a base chain's header. @throws {SyntaxError} */
export function parseHook(text: string): Hook {
  const [, type, hook, devices, device, priority, policy] = HOOK.exec(text) ?? [];
  if (!type || !hook || !policy) {
    throw new SyntaxError(`the fake nft does not know this chain header: ${text}`);
  }
  const named = (devices ?? device)?.split(", ").map((name) => name.replaceAll('"', "")) ?? [];
  return { type, hook, priority: Number(priority), policy, devices: named };
}

/** Header and comment of a chain's block. */
export function parseChainBlock(text: string): { hook?: string } {
  const hook = text.replace(/ ?comment "[^"]*";$/, "");
  if (hook === "") return {};
  parseHook(hook);
  return { hook };
}

/** Start values of a counter's block. */
export function parseCounterBlock(text: string): { packets: number; bytes: number } {
  const [, packets, bytes] = /^packets (\d+) bytes (\d+);$/.exec(text) ?? [];
  if (text !== "" && bytes === undefined) {
    throw new SyntaxError(`the fake nft does not know this counter: ${text}`);
  }
  return { packets: Number(packets ?? 0), bytes: Number(bytes ?? 0) };
}
