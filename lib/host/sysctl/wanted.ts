import type { JournalEntry } from "../../model/journal.ts";
import type { Interface } from "../interface.ts";
import type { Need } from "../need.ts";
import { isSingleKey, keyFor } from "./key.ts";
import type { SysctlValues } from "./observe.ts";
import type { Candidate, Rule } from "./rules.ts";

/** What the services need, and on which interfaces it may have to hold. */
export interface SysctlWant {
  readonly need: Need;
  readonly interfaces: readonly Interface[];
}

/** A key that has to hold a value, beside the one it holds. */
export interface WantedSysctl {
  readonly rule: Rule;
  readonly key: string;
  /** undefined where the kernel has no such key. */
  readonly found: string | undefined;
  /** The value found is good enough. */
  readonly ok: boolean;
  /** The journal entry of an earlier change that still stands. */
  readonly entry?: JournalEntry;
}

/** Every key the services need, in the order of the rules. Pure. */
export function wantedSysctls(
  rules: readonly Rule[],
  want: SysctlWant,
  observed: SysctlValues,
  open: readonly JournalEntry[],
): WantedSysctl[] {
  const entries = new Map(open.map((entry) => [entry.key, entry]));
  return rules.filter((rule) => rule.when(want.need)).flatMap((rule) =>
    keysOf(rule, want.interfaces, observed, entries).map((key) => {
      const found = observed.get(key);
      const ok = found !== undefined && !rule.replaces(found);
      return { rule, key, found, ok, entry: entries.get(key) };
    })
  );
}

type Entries = ReadonlyMap<string, JournalEntry>;

function keysOf(
  rule: Rule,
  interfaces: readonly Interface[],
  observed: SysctlValues,
  entries: Entries,
): string[] {
  if (isSingleKey(rule.key)) return rule.optional && !observed.has(rule.key) ? [] : [rule.key];
  return interfaces.filter((link) => {
    // An interface without this protocol has no such key and needs none.
    if (!observed.has(keyFor(rule.key, link.name))) return false;
    return rule.on?.(candidateOf(link, observed, entries)) ?? true;
  }).map((link) => keyFor(rule.key, link.name));
}

function candidateOf(link: Interface, observed: SysctlValues, entries: Entries): Candidate {
  return {
    link,
    original(pattern) {
      const key = keyFor(pattern, link.name);
      // An interface that came after lb's change has taken its value from "default".
      const entry = entries.get(key) ?? entries.get(keyFor(pattern, "default"));
      return entry?.before ?? observed.get(key);
    },
  };
}
