/**
 * The nft table as a value. The config and the kernel's listing both end up in this one form, so that
 * one comparison serves for planning, for repair and for the check after an apply.
 */

/**
 * A chain. `source` is a fingerprint of our rules and `header` one of our hook (base chains only), or of
 * the kernel's listing where that is not known to be ours.
 */
export interface Chain {
  readonly source: string;
  readonly header?: string;
  /** `type nat hook prerouting priority -105; policy accept;` for base chains. Desired side only. */
  readonly hook?: string;
  /** Desired side only. */
  readonly comment?: string;
  /** Desired side only. */
  readonly rules?: readonly string[];
}

/** A map or set: keys and values in nft's own spelling; a set's values are empty. */
export interface Collection {
  readonly kind: "map" | "set";
  readonly source: string;
  /** `typeof ip daddr : verdict;`. Desired side only. */
  readonly declaration?: string;
  readonly elements: ReadonlyMap<string, string>;
}

/** Packets and bytes a named counter has seen. */
export interface Counter {
  readonly packets: number;
  readonly bytes: number;
}

/** The table, as wanted or as found. */
export interface Snapshot {
  /** Whether the table exists. */
  readonly present: boolean;
  /** Whether there is a record of what lb committed: without one nothing here is known to be ours. */
  readonly known: boolean;
  /** What the revision set holds: our mark on the transaction that made this state. */
  readonly token?: string;
  readonly chains: ReadonlyMap<string, Chain>;
  readonly collections: ReadonlyMap<string, Collection>;
  readonly counters: ReadonlyMap<string, Counter>;
  /** Objects of kinds that lb never makes. */
  readonly foreign: readonly string[];
}

/** No table at all. */
export const EMPTY_SNAPSHOT: Snapshot = {
  present: false,
  known: true,
  chains: new Map(),
  collections: new Map(),
  counters: new Map(),
  foreign: [],
};

/** Name of the set that holds the token. */
export const REVISION_SET = "revision";

/** Short fingerprint of a text (two lanes of 32-bit FNV-1a): to recognise our own objects, not a defence. */
export function fingerprint(text: string): string {
  let low = 0x811c9dc5;
  let high = 0x050c5d1f;
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    low = Math.imul(low ^ unit, 0x01000193);
    high = Math.imul(high ^ (unit + index), 0x01000193);
  }
  return (high >>> 0).toString(16).padStart(8, "0") + (low >>> 0).toString(16).padStart(8, "0");
}

/** `chain s-web4`, `map sl-web4`, `counter n-1`: how objects are named in plans, events and records. */
export function objectName(
  kind: "chain" | "hook" | "map" | "set" | "elements" | "counter",
  name: string,
): string {
  return `${kind} ${name}`;
}

/**
 * One fingerprint per object, equal for equal objects: what is recorded after an apply, and compared with
 * to see what was changed by hand. Counter values and the token move by themselves and are left out.
 */
export function objectFingerprints(snapshot: Snapshot): Map<string, string> {
  const objects = new Map<string, string>();
  for (const [name, { source, header }] of snapshot.chains) {
    objects.set(objectName("chain", name), source);
    if (header) objects.set(objectName("hook", name), header);
  }
  for (const [name, { kind, source, elements }] of snapshot.collections) {
    objects.set(objectName(kind, name), source);
    if (name !== REVISION_SET) objects.set(objectName("elements", name), elementsText(elements));
  }
  for (const name of snapshot.counters.keys()) objects.set(objectName("counter", name), "");
  return objects;
}

function elementsText(elements: ReadonlyMap<string, string>): string {
  return fingerprint([...elements].map(([key, value]) => `${key} : ${value}`).sort().join("\n"));
}
