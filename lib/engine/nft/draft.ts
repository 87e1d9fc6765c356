import type { StaticChain } from "./base_rules.ts";
import { declaredHeader } from "./header.ts";
import {
  type Chain,
  type Collection,
  type Counter,
  fingerprint,
  type Snapshot,
} from "./snapshot.ts";

/** A snapshot in the making: collects objects, each name once. */
export class Draft {
  readonly #chains = new Map<string, Chain>();
  readonly #collections = new Map<string, Collection & { elements: Map<string, string> }>();
  readonly #counters = new Map<string, Counter>();

  chain({ name, hook, comment, rules }: StaticChain): void {
    const header = hook && fingerprint(hook);
    const source = fingerprint(rules.join("\n"));
    this.#chains.set(name, { source, header, hook, comment, rules });
  }

  collection(kind: "map" | "set", name: string, declaration: string): void {
    const source = declaredHeader(kind, declaration);
    this.#collections.set(name, { kind, source, declaration, elements: new Map() });
  }

  element(collection: string, key: string, value = ""): void {
    this.#collections.get(collection)!.elements.set(key, value);
  }

  counter(name: string): void {
    this.#counters.set(name, { packets: 0, bytes: 0 });
  }

  snapshot(): Snapshot {
    return {
      present: true,
      known: true,
      chains: this.#chains,
      collections: this.#collections,
      counters: this.#counters,
      foreign: [],
    };
  }
}
