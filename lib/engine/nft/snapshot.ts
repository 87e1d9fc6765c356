import { TABLE_NAMES, type TableName } from "./table.ts";

/**
 * The nft tables as values. The config and what the kernel tells both end up in this one form, so that one
 * comparison serves for planning, for repair and for telling drift.
 */

/** A chain. `source` is a fingerprint of our rules, or tells that they are not known to be ours. */
export interface Chain {
  readonly source: string;
  /** `type nat hook prerouting priority -105; policy accept;` for base chains. */
  readonly hook?: string;
  /** Desired side only. */
  readonly comment?: string;
  /** The rules, one a line: in one piece they take a third of the memory. Desired side only. */
  readonly text?: string;
}

/** The rules a chain is to have. */
export function rulesOf({ text = "" }: Chain): string[] {
  return text === "" ? [] : text.split("\n");
}

/** A map or set: keys and values in nft's own spelling; a set's values are empty. */
export interface Collection {
  readonly kind: "map" | "set";
  /** What it is declared as, in a spelling that both sides have. */
  readonly header: string;
  /** `typeof ip daddr : verdict;`. Desired side only. */
  readonly declaration?: string;
  readonly elements: ReadonlyMap<string, string>;
}

/** Packets and bytes a named counter has seen. */
export interface Counter {
  readonly packets: number;
  readonly bytes: number;
}

/** One table, as wanted or as found. */
export interface Table {
  /** What the revision set holds: our mark on the transaction that made this state. */
  readonly token?: string;
  readonly chains: ReadonlyMap<string, Chain>;
  readonly collections: ReadonlyMap<string, Collection>;
  readonly counters: ReadonlyMap<string, Counter>;
  /** Objects of kinds that lb never makes. */
  readonly foreign: readonly string[];
}

/** All tables of lb's. One that does not exist is not in it. */
export interface Snapshot {
  readonly present: boolean;
  /** Whether there is a record of what lb committed: without one nothing here is known to be ours. */
  readonly known: boolean;
  /** The token that all tables share. */
  readonly token?: string;
  readonly tables: ReadonlyMap<TableName, Table>;
}

/** Name of the set that holds the token. */
export const REVISION_SET = "revision";

/** Puts tables together. */
export function snapshotOf(tables: ReadonlyMap<TableName, Table>, known = true): Snapshot {
  const tokens = new Set([...tables.values()].map(({ token }) => token));
  const token = tokens.size === 1 ? [...tokens][0] : undefined;
  return { present: tables.size > 0, known, token, tables };
}

/** The state that a transaction with this token left. */
export function withToken({ tables, known }: Snapshot, token: string): Snapshot {
  const marked = Array.from(tables, ([name, table]) => [name, { ...table, token }] as const);
  return snapshotOf(new Map(marked), known);
}

/** No table at all. */
export const EMPTY_SNAPSHOT: Snapshot = snapshotOf(new Map());

/** `chain s-web4`, `map sl-web4`, `counter n-1`: how objects are named in plans, events and records. */
export function objectName(
  table: TableName,
  kind: "chain" | "map" | "set" | "counter",
  name: string,
): string {
  const object = `${kind} ${name}`;
  return table === TABLE_NAMES[0] ? object : `${table} ${object}`;
}
