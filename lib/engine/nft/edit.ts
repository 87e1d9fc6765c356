import type { Change } from "../../model/change.ts";
import { plural } from "../../model/plural.ts";
import type { ModulusChange } from "../../netlink/nft/modulus.ts";
import type { SmallTransaction } from "../../netlink/nft/transaction.ts";
import { elementChanges, type ElementEdit } from "./element_edit.ts";
import { type Put, Script } from "./script.ts";
import {
  type Chain,
  type Collection,
  objectName,
  REVISION_SET,
  rulesOf,
  type Table,
} from "./snapshot.ts";
import { tableId, type TableName } from "./table.ts";

/** The difference of a table that stays, as changes for people and as statements. */
export class TableEdit {
  readonly changes: readonly Change[];
  /** Chains whose rules are written. */
  readonly written: ReadonlyMap<string, Chain>;
  /** Chains that go. */
  readonly removed: readonly string[];
  /** Counters that begin at 0. */
  readonly begun: readonly string[];
  readonly #table: TableName;
  readonly #fresh: Pick<Table, "chains" | "collections" | "counters">;
  readonly #stale: ReadonlyMap<string, Chain>;
  readonly #elements: readonly ElementEdit[];
  readonly #want: Table;
  readonly #have: Table;
  readonly #left: ReturnType<typeof leftOver>;

  constructor(table: TableName, want: Table, have: Table) {
    this.#table = table;
    this.#fresh = {
      chains: missing(want.chains, have.chains),
      collections: missing(want.collections, have.collections),
      counters: missing(want.counters, have.counters),
    };
    this.#stale = new Map(
      [...want.chains].filter(([name, { source }]) => {
        const found = have.chains.get(name);
        return found && found.source !== source;
      }),
    );
    this.#elements = [...want.collections]
      .filter(([name]) => name !== REVISION_SET)
      .map(([name, { elements }]) => {
        return editElements(name, elements, have.collections.get(name)?.elements);
      });
    [this.#want, this.#have] = [want, have];
    this.#left = leftOver(want, have);
    this.written = new Map([...this.#fresh.chains, ...this.#stale]);
    this.removed = this.#left.chains;
    this.begun = [...this.#fresh.counters.keys()];
    this.changes = [
      ...additions(table, this.#fresh),
      ...this.#changed(want, have),
      ...this.#removed(),
    ];
  }

  /** @param expected the token that the table bears */
  write(put: Put, expected: string, token: string): void {
    const script = new Script(this.#table, put);
    script.expectToken(expected).declareAll(this.#fresh);
    for (const name of this.#stale.keys()) script.flushChain(name);
    for (const { name, remove } of this.#elements) script.deleteElements(name, remove);
    for (const { name, add } of this.#elements) script.addElements(name, add);
    for (const [name, chain] of this.written) script.addRules(name, rulesOf(chain));
    script.deleteAll(this.#left).setToken(token);
  }

  /**
   * The same transaction as netlink has it, where it makes and removes nothing but elements.
   *
   * @returns undefined where it does more
   */
  small(expected: string, token: string): SmallTransaction | undefined {
    const made = Object.values(this.#fresh).some(({ size }) => size > 0);
    const left = Object.values(this.#left).some(({ length }) => length > 0);
    if (made || left) return undefined;
    const moduli = this.#moduli();
    const mark = { name: REVISION_SET, remove: [expected], add: [[token, ""]] as const };
    const edits = this.#elements.filter(({ remove, add }) => remove.length + add.length > 0);
    const elements = elementChanges(this.#table, [mark, ...edits], this.#want.collections);
    return moduli && elements && { elements, moduli };
  }

  #moduli(): ModulusChange[] | undefined {
    const changes: ModulusChange[] = [];
    for (const [name, chain] of this.#stale) {
      const found = changedModulus(rulesOf(this.#have.chains.get(name)!), rulesOf(chain));
      if (!found) return undefined;
      changes.push({ table: tableId(this.#table), chain: name, ...found });
    }
    return changes;
  }

  #changed(want: Table, have: Table): Change[] {
    const chains = [...this.#stale].map(([name, { comment }]) => {
      const detail = `rules written anew (${comment ?? "base chain"})`;
      return change("change", objectName(this.#table, "chain", name), detail);
    });
    const elements = this.#elements
      .filter(({ name, add, remove }) =>
        have.collections.has(name) && add.length + remove.length > 0
      )
      .map((edit) => {
        const { kind } = want.collections.get(edit.name)!;
        return change("change", objectName(this.#table, kind, edit.name), describeElements(edit));
      });
    return [...chains, ...elements];
  }

  #removed(): Change[] {
    const { chains, collections, counters } = this.#left;
    return [
      ...chains.map((name) => ["chain", name] as const),
      ...collections.map(({ kind, name }) => [kind, name] as const),
      ...counters.map((name) => ["counter", name] as const),
    ].map(([kind, name]) => change("remove", objectName(this.#table, kind, name), ""));
  }
}

/** One change for each object. */
export function additions(
  table: TableName,
  { chains, collections, counters }: Pick<Table, "chains" | "collections" | "counters">,
): Change[] {
  return [
    ...Array.from(collections, ([name, { kind, elements }]) => {
      return change("add", objectName(table, kind, name), plural(elements.size, "element"));
    }),
    ...Array.from(counters.keys(), (name) => {
      return change("add", objectName(table, "counter", name), "");
    }),
    ...Array.from(chains, ([name, { comment, hook }]) => {
      return change("add", objectName(table, "chain", name), comment ?? hook ?? "");
    }),
  ];
}

export function change(op: Change["op"], object: string, detail: string): Change {
  return { engine: "nft", op, object, detail };
}

function leftOver(want: Table, have: Table) {
  return {
    chains: [...missing(have.chains, want.chains).keys()],
    collections: [...missing<Collection>(have.collections, want.collections)]
      .map(([name, { kind }]) => ({ name, kind })),
    counters: [...missing(have.counters, want.counters).keys()],
  };
}

function editElements(
  name: string,
  want: ReadonlyMap<string, string>,
  have: ReadonlyMap<string, string> = new Map(),
): ElementEdit {
  const add = [...want].filter(([key, value]) => have.get(key) !== value);
  const replaced = add.filter(([key]) => have.has(key)).map(([key]) => key);
  const gone = [...have.keys()].filter((key) => !want.has(key));
  return { name, remove: [...gone, ...replaced], add };
}

/** A rule that picks a slot. */
const PICK = /^(.* mod )(\d+)(\b.*)$/;

/** Where two chains differ in nothing but among how many slots one of their rules chooses. */
function changedModulus(
  have: readonly string[],
  want: readonly string[],
): Pick<ModulusChange, "rule" | "from" | "to"> | undefined {
  const rule = want.findIndex((text, index) => text !== have[index]);
  const [, ...from] = PICK.exec(have[rule] ?? "") ?? [];
  const [, ...to] = PICK.exec(want[rule] ?? "") ?? [];
  const isAllElseEqual = from.length > 0 && from[0] === to[0] && from[2] === to[2] &&
    have.length === want.length && want.every((text, at) => at === rule || text === have[at]);
  return isAllElseEqual ? { rule, from: Number(from[1]), to: Number(to[1]) } : undefined;
}

const ELEMENTS_SHOWN_MAX = 4;

function describeElements({ add, remove }: ElementEdit): string {
  const added = new Set(add.map(([key]) => key));
  const lines = [
    ...remove.filter((key) => !added.has(key)).map((key) => `- ${key}`),
    ...add.map(([key, value]) => `+ ${key}${value ? ` : ${value}` : ""}`),
  ];
  const more = lines.length - ELEMENTS_SHOWN_MAX;
  return lines.slice(0, ELEMENTS_SHOWN_MAX).join(", ") + (more > 0 ? `, ${more} more` : "");
}

function missing<T>(from: ReadonlyMap<string, T>, where: ReadonlyMap<string, unknown>) {
  return new Map([...from].filter(([name]) => !where.has(name)));
}
