import { addressBytes, addressFromBytes, parseAddress } from "../../model/address.ts";
import type { Committed } from "../engine.ts";
import { listedHeader } from "./header.ts";
import { isDynamic } from "./names.ts";
import {
  type Chain,
  type Collection,
  type Counter,
  fingerprint,
  objectName,
  REVISION_SET,
  type Snapshot,
} from "./snapshot.ts";

/** An object of `nft -j`: libnftables-json(5). Only what is read here is spelled out. */
export interface ListedObject {
  readonly name: string;
  readonly handle?: number;
  readonly [key: string]: unknown;
}

/** One entry of the `nftables` array: a single key that names the kind. */
export type ListedEntry = Readonly<Record<string, ListedObject>>;

/**
 * Fingerprints of the kernel's own listing, per object. Handles and contents that move by themselves
 * (counter values, elements) are left out; elements are compared key by key instead.
 */
export function listingFingerprints(entries: readonly ListedEntry[]): Map<string, string> {
  const texts = new Map<string, string[]>();
  const linesOf = (name: string) => {
    const lines = texts.get(name) ?? [];
    texts.set(name, lines);
    return lines;
  };
  for (const { chain, rule, map, set } of entries) {
    if (chain?.hook) linesOf(objectName("hook", chain.name)).push(stable(chain));
    if (chain) linesOf(objectName("chain", chain.name));
    if (rule) linesOf(objectName("chain", String(rule.chain))).push(stable(rule));
    if (map) linesOf(objectName("map", map.name)).push(stable(map));
    if (set) linesOf(objectName("set", set.name)).push(stable(set));
  }
  return new Map([...texts].map(([name, lines]) => [name, fingerprint(lines.join("\n"))]));
}

/** Before the fingerprint of a listing that is not on record. */
const UNKNOWN = "listing:";

/** Entries of our table in a listing of `nft -j`. */
export function parseEntries(stdout: string): ListedEntry[] {
  const document = JSON.parse(stdout) as { nftables?: ListedEntry[] };
  return document.nftables ?? [];
}

/** The listing as a snapshot. Objects known from `committed` get the fingerprint of our own source. */
export function readSnapshot(entries: readonly ListedEntry[], committed?: Committed): Snapshot {
  const listings = listingFingerprints(entries);
  const source = (object: string) => {
    const listing = listings.get(object)!;
    const known = committed?.objects[object];
    return known?.listing === listing ? known.source : `${UNKNOWN}${listing}`;
  };
  const reader = new SnapshotReader(source, committed !== undefined);
  for (const entry of entries) reader.read(entry);
  return reader.snapshot();
}

class SnapshotReader {
  readonly #chains = new Map<string, Chain>();
  readonly #collections = new Map<string, Collection>();
  readonly #counters = new Map<string, Counter>();
  readonly #foreign: string[] = [];
  readonly #source: (object: string) => string;
  readonly #known: boolean;

  constructor(source: (object: string) => string, known: boolean) {
    this.#source = source;
    this.#known = known;
  }

  read(entry: ListedEntry): void {
    const { chain, map, set, counter, table } = entry;
    if (chain) this.#chains.set(chain.name, this.#chain(chain));
    else if (map) this.#collection("map", map);
    else if (set) this.#collection("set", set);
    else if (counter) this.#counters.set(counter.name, readCounter(counter));
    else if (table) this.#table(table);
    else if (!entry.rule && !entry.metainfo) this.#foreign.push(describe(entry));
  }

  /** A flag is "dormant", whatever nft 1.0.6 prints for it: then no rule of the table is asked. */
  #table(table: ListedObject): void {
    if (table.flags !== undefined) this.#foreign.push("a flag that makes it dormant");
  }

  #chain({ name, hook }: ListedObject): Chain {
    return {
      source: this.#source(objectName("chain", name)),
      header: hook ? this.#source(objectName("hook", name)) : undefined,
    };
  }

  #collection(kind: "map" | "set", listed: ListedObject): void {
    const source = this.#source(objectName(kind, listed.name));
    this.#collections.set(listed.name, {
      kind,
      source: source.startsWith(UNKNOWN) ? listedHeader(kind, listed) : source,
      elements: isDynamic(listed.name)
        ? new Map()
        : readElements(kind, (listed.elem ?? []) as readonly unknown[]),
    });
  }

  snapshot(): Snapshot {
    const [token] = this.#collections.get(REVISION_SET)?.elements.keys() ?? [];
    return {
      present: true,
      known: this.#known,
      token,
      chains: this.#chains,
      collections: this.#collections,
      counters: this.#counters,
      foreign: this.#foreign,
    };
  }
}

function describe(entry: ListedEntry): string {
  const [kind, object] = Object.entries(entry)[0] ?? ["object", undefined];
  return `${kind} ${object?.name ?? ""}`.trim();
}

function readCounter(counter: ListedObject): Counter {
  return { packets: Number(counter.packets), bytes: Number(counter.bytes) };
}

function readElements(kind: "map" | "set", elements: readonly unknown[]): Map<string, string> {
  return new Map(elements.map((element) => {
    if (kind === "set") return [expressionText(element), ""];
    const [key, value] = element as [unknown, unknown];
    return [expressionText(key), expressionText(value)];
  }));
}

const PROTOCOL_NAMES: Readonly<Record<string, string>> = { 6: "tcp", 17: "udp", 132: "sctp" };

/** An element's key or value in nft's text spelling, addresses canonical. */
function expressionText(expression: unknown): string {
  if (typeof expression === "string") return canonicalText(expression);
  if (typeof expression !== "object" || expression === null) return String(expression);
  const [kind, body] = Object.entries(expression)[0] ?? [];
  switch (kind) {
    case "elem":
      return expressionText((body as { val: unknown }).val);
    case "concat":
      return (body as unknown[]).map(expressionText).map(protocolName).join(" . ");
    case "prefix": {
      const { addr, len } = body as { addr: string; len: number };
      return `${canonicalText(addr)}/${len}`;
    }
    case "range":
      return (body as unknown[]).map(expressionText).join("-");
    case "goto":
    case "jump":
      return `${kind} ${(body as { target: string }).target}`;
    default:
      return JSON.stringify(expression);
  }
}

/** Behind an address, a protocol: nft prints its number where there is no /etc/protocols (netbase). */
function protocolName(text: string, index: number, parts: readonly string[]): string {
  const isProtocol = index === 1 && /[.:]/.test(parts[0]!);
  return isProtocol ? PROTOCOL_NAMES[text] ?? text : text;
}

function canonicalText(text: string): string {
  // Two colons at least: a slot map's ids have one, and there are thousands of them.
  const address = /:.*:/.test(text) ? parseAddress(text) : undefined;
  return address ? addressFromBytes(addressBytes(address)).text : text;
}

function stable(object: ListedObject): string {
  const { handle: _handle, elem: _elements, ...rest } = object;
  return JSON.stringify(rest);
}
