import { REVISION_SET, type Snapshot } from "./snapshot.ts";

/** Elements per statement: nft's parser grows quadratic on very long lines. */
const ELEMENTS_PER_STATEMENT = 1000;

/** Writes nft's text form, one statement a line. One script is one transaction. */
export class Script {
  readonly #lines: string[] = [];

  get text(): string {
    return this.#lines.join("\n") + "\n";
  }

  /** Fails with EEXIST where somebody else made the table first. */
  createTable(): this {
    return this.#line("create table inet lb");
  }

  deleteTable(): this {
    return this.#line("delete table inet lb");
  }

  /** Fails with ENOENT where the table is gone or at another revision. */
  expectToken(token: string): this {
    return this.#line(`delete element inet lb ${REVISION_SET} { ${token} }`);
  }

  setToken(token: string): this {
    return this.#line(`add element inet lb ${REVISION_SET} { ${token} }`);
  }

  /** Objects without their contents, so that rules and elements may name each other freely. */
  declareAll({ chains, collections, counters }: Snapshot): this {
    for (const [name, { packets, bytes }] of counters) {
      this.#line(`add counter inet lb ${name} { packets ${packets} bytes ${bytes}; }`);
    }
    for (const [name, { kind, declaration }] of collections) {
      this.#line(`add ${kind} inet lb ${name} { ${declaration} }`);
    }
    for (const [name, { hook, comment }] of chains) {
      const parts = [hook, comment && `comment "${comment}";`].filter(Boolean).join(" ");
      this.#line(`add chain inet lb ${name}${parts ? ` { ${parts} }` : ""}`);
    }
    return this;
  }

  fillAll({ chains, collections }: Snapshot): this {
    for (const [name, { elements }] of collections) this.addElements(name, [...elements]);
    for (const [name, { rules }] of chains) this.addRules(name, rules ?? []);
    return this;
  }

  addRules(chain: string, rules: readonly string[]): this {
    for (const rule of rules) this.#line(`add rule inet lb ${chain} ${rule}`);
    return this;
  }

  flushChain(chain: string): this {
    return this.#line(`flush chain inet lb ${chain}`);
  }

  addElements(collection: string, elements: readonly (readonly [string, string])[]): this {
    return this.#elements(
      "add",
      collection,
      elements.map(([key, value]) => value ? `${key} : ${value}` : key),
    );
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
    for (const name of names.chains) this.flushChain(name);
    for (const { kind, name } of names.collections) this.#line(`flush ${kind} inet lb ${name}`);
    for (const name of names.chains) this.#line(`delete chain inet lb ${name}`);
    for (const { kind, name } of names.collections) this.#line(`delete ${kind} inet lb ${name}`);
    for (const name of names.counters) this.#line(`delete counter inet lb ${name}`);
    return this;
  }

  #elements(verb: "add" | "delete", collection: string, items: readonly string[]): this {
    for (let at = 0; at < items.length; at += ELEMENTS_PER_STATEMENT) {
      const part = items.slice(at, at + ELEMENTS_PER_STATEMENT).join(", ");
      this.#line(`${verb} element inet lb ${collection} { ${part} }`);
    }
    return this;
  }

  #line(text: string): this {
    this.#lines.push(text);
    return this;
  }
}
