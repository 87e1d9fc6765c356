import { elementStatements } from "../element_statements.ts";
import { type Counter, REVISION_SET, rulesOf, type Table } from "./snapshot.ts";
import type { TableName } from "./table.ts";

/** What a script makes of a table: its objects, the counters with what they begin at. */
export type Declared = Pick<Table, "chains" | "collections" | "counters">;

/** Where statements go. All that go to one place are one transaction. */
export type Put = (statement: string) => void;

/** Writes statements about one table in nft's text form. */
export class Script {
  readonly #put: Put;
  readonly #table: TableName;

  constructor(table: TableName, put: Put) {
    this.#table = table;
    this.#put = put;
  }

  /** Fails with EEXIST where somebody else made the table first. */
  createTable(): this {
    return this.#line(`create table ${this.#table}`);
  }

  deleteTable(): this {
    return this.#line(`delete table ${this.#table}`);
  }

  /** Fails with ENOENT where the table is gone or at another revision. */
  expectToken(token: string): this {
    return this.deleteElements(REVISION_SET, [token]);
  }

  setToken(token: string): this {
    return this.addElements(REVISION_SET, [[token, ""]]);
  }

  /** Objects without their contents, so that rules and elements may name each other freely. */
  declareAll({ chains, collections, counters }: Declared): this {
    for (const [name, counter] of counters) this.#counter(name, counter);
    for (const [name, { kind, declaration }] of collections) {
      this.#line(`add ${kind} ${this.#table} ${name} { ${declaration} }`);
    }
    for (const [name, { hook, comment }] of chains) {
      const parts = [hook, comment && `comment "${comment}";`].filter(Boolean).join(" ");
      this.#line(`add chain ${this.#table} ${name}${parts ? ` { ${parts} }` : ""}`);
    }
    return this;
  }

  fillAll({ chains, collections }: Declared): this {
    for (const [name, { elements }] of collections) this.addElements(name, elements);
    for (const [name, chain] of chains) this.addRules(name, rulesOf(chain));
    return this;
  }

  addRules(chain: string, rules: readonly string[]): this {
    for (const rule of rules) this.#line(`add rule ${this.#table} ${chain} ${rule}`);
    return this;
  }

  flushChain(chain: string): this {
    return this.#line(`flush chain ${this.#table} ${chain}`);
  }

  addElements(collection: string, elements: Iterable<readonly [string, string]>): this {
    const items = Array.from(elements, ([key, value]) => value ? `${key} : ${value}` : key);
    return this.#elements("add", collection, items);
  }

  deleteElements(collection: string, keys: readonly string[]): this {
    return this.#elements("delete", collection, keys);
  }

  /** Chains are emptied first: what one of them names may go only then. */
  deleteAll(names: {
    chains: readonly string[];
    collections: readonly { kind: string; name: string }[];
    counters: readonly string[];
  }): this {
    const table = this.#table;
    for (const name of names.chains) this.flushChain(name);
    for (const { kind, name } of names.collections) this.#line(`flush ${kind} ${table} ${name}`);
    for (const name of names.chains) this.#line(`delete chain ${table} ${name}`);
    for (const { kind, name } of names.collections) this.#line(`delete ${kind} ${table} ${name}`);
    for (const name of names.counters) this.#line(`delete counter ${table} ${name}`);
    return this;
  }

  #counter(name: string, { packets, bytes }: Counter): void {
    this.#line(`add counter ${this.#table} ${name} { packets ${packets} bytes ${bytes}; }`);
  }

  #elements(verb: "add" | "delete", collection: string, items: readonly string[]): this {
    const statements = elementStatements(verb, this.#table, collection, items);
    for (const statement of statements) this.#line(statement);
    return this;
  }

  #line(text: string): this {
    this.#put(text);
    return this;
  }
}
