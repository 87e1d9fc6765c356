import type { StaticChain } from "./base_rules.ts";
import { declaredHeader } from "./header.ts";
import { fingerprint } from "../../model/fingerprint.ts";
import type { Chain, Collection, Counter, Table } from "./snapshot.ts";

/** A table in the making: collects objects, each name once. */
export class Draft {
  readonly #chains = new Map<string, Chain>();
  readonly #collections = new Map<string, Collection & { elements: Map<string, string> }>();
  readonly #counters = new Map<string, Counter>();

  chain({ name, hook, comment, rules }: StaticChain): void {
    const text = rules.join("\n");
    this.#chains.set(name, { source: fingerprint(text), hook, comment, text });
  }

  collection(kind: "map" | "set", name: string, declaration: string): void {
    const header = declaredHeader(declaration);
    this.#collections.set(name, { kind, header, declaration, elements: new Map() });
  }

  element(collection: string, key: string, value = ""): void {
    this.#collections.get(collection)!.elements.set(key, value);
  }

  /** Takes an element out again; nothing happens where it is not there. */
  withdraw(collection: string, key: string): void {
    this.#collections.get(collection)?.elements.delete(key);
  }

  counter(name: string): void {
    this.#counters.set(name, { packets: 0, bytes: 0 });
  }

  table(): Table {
    return {
      chains: this.#chains,
      collections: this.#collections,
      counters: this.#counters,
      foreign: [],
    };
  }
}
