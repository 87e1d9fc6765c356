import type { JournalEntry, JournalRecord } from "../../model/journal.ts";
import type { Blocked, HostPlan } from "../resource.ts";
import { companionsOf } from "./companion.ts";
import { interfaceIn } from "./key.ts";
import type { SysctlValues } from "./observe.ts";
import { planRestore } from "./restore.ts";
import type { Rule } from "./rules.ts";
import { sysctlChange, type SysctlStep } from "./step.ts";
import { type SysctlWant, type WantedSysctl, wantedSysctls } from "./wanted.ts";

export type { SysctlStep } from "./step.ts";

/**
 * What to write, and what to put back because nobody needs it any more. Pure.
 *
 * @param open open journal entries for sysctls
 */
export function planSysctls(
  rules: readonly Rule[],
  want: SysctlWant,
  observed: SysctlValues,
  open: readonly JournalEntry[],
): HostPlan<SysctlStep> {
  const unmet = wantedSysctls(rules, want, observed, open).filter(({ ok }) => !ok);
  return {
    set: unmet.flatMap((wanted) => setStep(wanted, want, observed, open)),
    restore: planRestore(rules, want.need, observed, open),
    blocked: unmet.filter(({ found }) => found === undefined).map(missing),
  };
}

function setStep(
  { rule, key, found, entry }: WantedSysctl,
  want: SysctlWant,
  observed: SysctlValues,
  open: readonly JournalEntry[],
): SysctlStep[] {
  if (found === undefined) return [];
  const { value: after, why, source } = rule;
  // The first value on record is the one to go back to, however often the key is changed since.
  const own = entry ? [] : [recordOf(want, key, found, after, why)];
  return [{
    op: "set",
    key,
    before: found,
    after,
    why,
    source,
    records: [...companionRecords(rule, want, observed, open), ...own],
    companion: false,
    drift: entry?.after === after,
    // It was something else that the services wanted.
    ...(entry && entry.after !== after && { amends: entry.id }),
    change: sysctlChange("change", key, found, after),
  }];
}

function companionRecords(
  rule: Rule,
  want: SysctlWant,
  observed: SysctlValues,
  open: readonly JournalEntry[],
): JournalRecord[] {
  const recorded = new Set(open.map((entry) => entry.key));
  return companionsOf(rule, observed.keys())
    .filter(({ key }) => !recorded.has(key))
    .map(({ key, becomes }) =>
      recordOf(
        want,
        key,
        observed.get(key) ?? null,
        becomes,
        `the kernel moves it with ${rule.key}`,
      )
    );
}

function recordOf(
  { interfaces }: SysctlWant,
  key: string,
  before: string | null,
  after: string,
  why: string,
): JournalRecord {
  const name = interfaceIn(key);
  const ifindex = interfaces.find((link) => link.name === name)?.index ?? null;
  return { resource: "sysctl", key, before, after, why, ifindex };
}

function missing({ key, rule }: WantedSysctl): Blocked {
  return {
    object: key,
    value: rule.value,
    message: `this kernel has no ${key}: ${rule.why}`,
  };
}
