/**
 * Test equipment: one nft table as `nft -n -j list table` tells it and as lib/netlink/nft reads it, both in
 * one form. Keys are ranges of numbers, so that it does not matter how an interval is written.
 */
import { addressBytes, fullLength, parseAddress } from "../../lib/model/address.ts";
import { dumpChains, type ListedHook } from "../../lib/netlink/nft/chain.ts";
import { dumpElements, type ListedElement } from "../../lib/netlink/nft/element.ts";
import { dumpCounters, dumpForeign, type ListedCounter } from "../../lib/netlink/nft/object.ts";
import { digestRules } from "../../lib/netlink/nft/rule.ts";
import { dumpSets, type ListedSet } from "../../lib/netlink/nft/set.ts";
import type { TableId } from "../../lib/netlink/nft/table.ts";
import type { NetlinkConnection } from "../../lib/netlink/request.ts";

/** A table as both tell it. */
export interface SeenTable {
  readonly chains: Readonly<Record<string, { hook?: SeenHook; rules: number }>>;
  readonly sets: Readonly<Record<string, SeenSet>>;
  readonly counters: readonly ListedCounter[];
  readonly foreign: readonly string[];
}

/** Without its interfaces: nft 1.0.6 does not list them in JSON. */
type SeenHook = Omit<ListedHook, "devices">;

interface SeenSet {
  readonly types: readonly string[];
  readonly data?: string;
  readonly flags: readonly string[];
  readonly size?: number;
  readonly timeout_s?: number;
  /** `FIRST-LAST . FIRST-LAST : DATA` in hexadecimal, sorted. */
  readonly elements: readonly string[];
}

/** What nft calls a type, with the number it has in the kernel (nftables 1.0.6, include/datatype.h). */
interface FieldType {
  readonly id: number;
  readonly bytes: number;
  readonly isHostOrder?: true;
}

const TYPES: Readonly<Record<string, FieldType>> = {
  integer: { id: 4, bytes: 4, isHostOrder: true },
  ipv4_addr: { id: 7, bytes: 4 },
  ipv6_addr: { id: 8, bytes: 16 },
  inet_proto: { id: 12, bytes: 1 },
  inet_service: { id: 13, bytes: 2 },
  mark: { id: 19, bytes: 4, isHostOrder: true },
  classid: { id: 23, bytes: 4, isHostOrder: true },
};

const HOOKS = ["prerouting", "input", "forward", "output", "postrouting"];

/** NFT_SET_*, as far as nft lists them. */
const SET_FLAGS: readonly (readonly [number, string])[] = [[4, "interval"], [16, "timeout"]];

const VERDICT_TYPE = 0xffffff00;

// What lib/netlink/nft reads.

export function seenByUs(connection: NetlinkConnection, table: TableId): SeenTable {
  const listed = dumpChains(connection, table);
  const digests = digestRules(connection, table, listed.map(({ name }) => name));
  const chains = listed.map(({ name, hook }) =>
    [name, { ...(hook && seenHook(hook)), rules: digests.get(name)?.rules ?? 0 }] as const
  );
  const sets = dumpSets(connection, table).map((set) => {
    const elements: ListedElement[] = [];
    dumpElements(connection, table, set.name, (element) => elements.push(element));
    return [set.name, seenSet(set, elements)] as const;
  });
  return {
    chains: Object.fromEntries(chains),
    sets: Object.fromEntries(sets),
    counters: dumpCounters(connection, table),
    foreign: dumpForeign(connection, table),
  };
}

function seenHook({ type, hooknum, priority, policy }: ListedHook): { hook: SeenHook } {
  return { hook: { type, hooknum, priority, policy } };
}

function seenSet(set: ListedSet, elements: readonly ListedElement[]): SeenSet {
  const types = typesOf(set.key_type);
  const ranges = (set.flags & 0x84) === 4
    ? intervalsOf(elements, types)
    : elements.map((element) => ({
      element,
      text: element.isCatchAll ? "*" : rangeText(element.key, element.key_end, types),
    }));
  const isMap = (set.flags & 8) !== 0;
  return {
    types,
    data: !isMap ? undefined : set.data_type === VERDICT_TYPE ? "verdict" : nameOf(set.data_type!),
    flags: SET_FLAGS.filter(([bit]) => set.flags & bit).map(([, name]) => name),
    size: set.size,
    timeout_s: set.timeout_ms === undefined ? undefined : set.timeout_ms / 1000,
    elements: ranges.map(({ element, text }) => text + dataText(element)).sort(),
  };
}

function typesOf(id: number): string[] {
  const rest = id > 63 ? typesOf(Math.floor(id / 64)) : [];
  return [...rest, nameOf(id % 64)];
}

function nameOf(id: number): string {
  const [name] = Object.entries(TYPES).find(([, type]) => type.id === id) ?? [];
  if (name === undefined) throw new SyntaxError(`a type with number ${id}`);
  return name;
}

/** Every end belongs to the beginning before it; an end at 0 belongs to nobody. */
function intervalsOf(elements: readonly ListedElement[], types: readonly string[]) {
  const sorted = elements
    .map((element) => ({ element, at: numbersOf(element.key, types)[0]! }))
    .sort((a, b) => a.at < b.at ? -1 : a.at > b.at ? 1 : a.element.isIntervalEnd ? -1 : 1);
  const bits = BigInt(TYPES[types[0]!]!.bytes * 8);
  return sorted.flatMap(({ element, at }, index) => {
    if (element.isIntervalEnd) return [];
    const end = sorted[index + 1]?.at ?? 1n << bits;
    return [{ element, text: `${hex(at)}-${hex(end - 1n)}` }];
  });
}

function rangeText(key: Uint8Array, end: Uint8Array | undefined, types: readonly string[]): string {
  const last = numbersOf(end ?? key, types);
  return numbersOf(key, types).map((first, at) => `${hex(first)}-${hex(last[at]!)}`).join(" . ");
}

function numbersOf(key: Uint8Array, types: readonly string[]): bigint[] {
  let at = 0;
  return types.map((name) => {
    const { bytes, isHostOrder } = TYPES[name]!;
    const field = [...key.subarray(at, at + bytes)];
    at += (bytes + 3) & ~3;
    return numberOf(isHostOrder ? field.reverse() : field);
  });
}

function dataText({ data }: ListedElement): string {
  if (data === undefined) return "";
  if (data instanceof Uint8Array) return ` : ${hex(numberOf([...data].reverse()))}`;
  return ` : ${data.verdict}${data.chain === undefined ? "" : ` ${data.chain}`}`;
}

// What nft lists.

type Listed = Readonly<Record<string, unknown>> & { readonly name: string };

/** One entry of nft's listing: its kind, and the object. */
export type ListedEntry = Readonly<Record<string, Listed>>;

export function seenByNft(entries: readonly ListedEntry[]): SeenTable {
  const rules = entries.flatMap(({ rule }) => rule ? [String(rule.chain)] : []);
  const of = (kind: string) => entries.flatMap((entry) => entry[kind] ?? []);
  const chains = of("chain").map((chain) => {
    const hook = hookOf(chain);
    const count = rules.filter((name) => name === chain.name).length;
    return [chain.name, { ...(hook && { hook }), rules: count }] as const;
  });
  const sets = entries.flatMap(({ set, map }) => set ?? map ?? [])
    .map((set) => [set.name, listedSet(set)] as const);
  return {
    chains: Object.fromEntries(chains),
    sets: Object.fromEntries(sets),
    counters: of("counter").map(({ name, packets, bytes }) => ({
      name,
      packets: Number(packets),
      bytes: Number(bytes),
    })),
    foreign: of("quota").map(({ name }) => `quota ${name}`),
  };
}

function hookOf({ type, hook, prio, policy }: Listed): SeenHook | undefined {
  if (hook === undefined) return undefined;
  return {
    type: String(type),
    hooknum: Math.max(HOOKS.indexOf(String(hook)), 0),
    priority: Number(prio),
    policy: policy === "drop" ? "drop" : "accept",
  };
}

function listedSet({ type, map, flags, size, timeout, elem }: Listed): SeenSet {
  const types = [type].flat().map(String);
  const elements = ((elem ?? []) as unknown[]).map((entry) => {
    const [key, value] = map === undefined ? [entry] : entry as [unknown, unknown];
    return keyText(key) + (value === undefined ? "" : ` : ${valueText(value)}`);
  });
  return {
    types,
    data: map as string | undefined,
    flags: [flags ?? []].flat().map(String),
    size: size as number | undefined,
    timeout_s: timeout as number | undefined,
    elements: elements.sort(),
  };
}

function keyText(key: unknown): string {
  if (key === "*") return key;
  const fields = typeof key === "object" ? (key as { concat?: unknown[] }).concat : undefined;
  return (fields ?? [key]).map((field) => rangeOf(field).map(hex).join("-")).join(" . ");
}

function rangeOf(field: unknown): [bigint, bigint] {
  const { prefix, range } = field as {
    prefix?: { addr: string; len: number };
    range?: [unknown, unknown];
  };
  if (range) return [scalarOf(range[0]), scalarOf(range[1])];
  if (!prefix) return [scalarOf(field), scalarOf(field)];
  const first = scalarOf(prefix.addr);
  const bits = fullLength(prefix.addr.includes(":") ? 6 : 4) - prefix.len;
  return [first, first + (1n << BigInt(bits)) - 1n];
}

function scalarOf(value: unknown): bigint {
  if (typeof value === "number") return BigInt(value);
  const text = String(value);
  const address = parseAddress(text);
  if (address) return numberOf([...addressBytes(address)]);
  const [, major, minor] = /^(\w*):(\w+)$/.exec(text) ?? [];
  if (minor === undefined) throw new SyntaxError(`nft lists ${JSON.stringify(value)}`);
  return BigInt(parseInt(major || "0", 16)) << 16n | BigInt(parseInt(minor, 16));
}

function valueText(value: unknown): string {
  if (typeof value !== "object") return hex(scalarOf(value));
  const [verdict, body] = Object.entries(value ?? {})[0] ?? [];
  const target = (body as { target?: string } | null)?.target;
  return `${verdict}${target === undefined ? "" : ` ${target}`}`;
}

function numberOf(bytes: readonly number[]): bigint {
  return bytes.reduce((sum, byte) => sum << 8n | BigInt(byte), 0n);
}

function hex(number: bigint): string {
  return number.toString(16);
}
