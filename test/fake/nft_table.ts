/**
 * Test equipment: one nft table in memory, with the kernel's refusals. Behaves as nft 1.0.6 on linux 6.18
 * was seen to.
 */

/** A rule as it was written, cut into words. */
export interface FakeRule {
  readonly handle: number;
  readonly tokens: readonly string[];
}

export interface FakeChain {
  readonly kind: "chain";
  readonly handle: number;
  /** `type nat hook prerouting priority -105; policy accept;` for base chains. */
  hook?: string;
  readonly rules: FakeRule[];
}

export interface FakeCollection {
  readonly kind: "map" | "set";
  readonly handle: number;
  readonly declaration: string;
  readonly elements: Map<string, string>;
  /** What elements that packets made carry besides: when they end, and what is left of their rate. */
  readonly states: Map<string, ElementState>;
}

export interface ElementState {
  expires_ms: number;
  tokens: number;
  counted_ms: number;
}

/** The head of a collection, taken apart. */
export interface Declaration {
  readonly fields: readonly string[];
  /** What keys lead to; undefined for a set. */
  readonly value?: string;
  readonly flags: readonly string[];
  readonly size?: number;
  /** Default of its elements, ms. */
  readonly timeout_ms?: number;
}

export interface FakeCounter {
  readonly kind: "counter";
  readonly handle: number;
  packets: number;
  bytes: number;
}

export type FakeObject = FakeChain | FakeCollection | FakeCounter;

/** The kernel said no: nft prints these words and ends with code 1. */
export class Refused extends Error {
  override readonly name = "Refused";
}

export const ENOENT = "No such file or directory";
export const EEXIST = "File exists";
export const EBUSY = "Device or resource busy";

/** One table. Plain data, so that a transaction can work on a structured clone. */
export interface FakeTable {
  readonly handle: number;
  lastHandle: number;
  readonly chains: Map<string, FakeChain>;
  readonly collections: Map<string, FakeCollection>;
  readonly counters: Map<string, FakeCounter>;
}

export function newTable(handle: number): FakeTable {
  return {
    handle,
    lastHandle: 0,
    chains: new Map(),
    collections: new Map(),
    counters: new Map(),
  };
}

/** @throws {Refused} ENOENT */
export function found<T>(objects: ReadonlyMap<string, T>, name: string): T {
  const object = objects.get(name);
  if (object === undefined) throw new Refused(ENOENT);
  return object;
}

/** An object a rule or an element names: it has to be there first, and cannot go before it. */
interface Reference {
  readonly among: "chains" | "collections" | "counters";
  readonly name: string;
}

/** What a rule or an element's value names. */
export function referencesOf(tokens: readonly string[]): Reference[] {
  return tokens.flatMap((token, index): Reference[] => {
    const next = tokens[index + 1] ?? "";
    // Bits of the packet: `@th,64,8`.
    const isBits = token.includes(",");
    if (token.startsWith("@") && !isBits) return [{ among: "collections", name: token.slice(1) }];
    if (token === "jump" || token === "goto") return [{ among: "chains", name: next }];
    if (token === "counter" && next === "name") {
      return [{ among: "counters", name: (tokens[index + 2] ?? "").replaceAll('"', "") }];
    }
    return [];
  });
}

/** @throws {Refused} ENOENT where something named is not there */
export function checkReferences(table: FakeTable, tokens: readonly string[]): void {
  for (const { among, name } of referencesOf(tokens)) found<FakeObject>(table[among], name);
}

/** @throws {Refused} ENOENT, or EBUSY while something names it */
export function deleteObject(table: FakeTable, among: Reference["among"], name: string): void {
  found<FakeObject>(table[among], name);
  const names = (tokens: readonly string[]) =>
    referencesOf(tokens).some((reference) => reference.among === among && reference.name === name);
  const own = among === "chains" ? name : undefined;
  for (const [chain, { rules }] of table.chains) {
    if (chain !== own && rules.some(({ tokens }) => names(tokens))) throw new Refused(EBUSY);
  }
  for (const { elements } of table.collections.values()) {
    for (const value of elements.values()) if (names(value.split(" "))) throw new Refused(EBUSY);
  }
  table[among].delete(name);
}
