import type { JournalEntry } from "../../model/journal.ts";
import { companionOf, companionsOf, ruleOf, rulesOf } from "./companion.ts";
import { keyFor } from "./key.ts";
import type { SysctlValues } from "./observe.ts";
import type { Need } from "../need.ts";
import type { Rule } from "./rules.ts";
import { sysctlChange, type SysctlStep } from "./step.ts";

/** Puts back every journalled value that no rule needs any more: last written, first put back. */
export function planRestore(
  rules: readonly Rule[],
  need: Need,
  observed: SysctlValues,
  open: readonly JournalEntry[],
): SysctlStep[] {
  const idle = open.filter(({ key }) => !isNeeded(rules, need, observed, key)).toReversed();
  const entries = Map.groupBy(idle, ({ key }) => ruleOf(rules, key));
  return [...rules.toReversed(), undefined].flatMap((rule) => {
    const own = entries.get(rule) ?? [];
    const main = own.find(({ key }) => key === rule?.key);
    if (!rule?.companions || !main) return own.map((entry) => restoreStep(entry, observed));
    return restoreWithCompanions(rule, main, own.filter((entry) => entry !== main), observed, open);
  });
}

/**
 * Whether the value has to stay. Not asked here is whether its interface still qualifies: a link that
 * flaps must not flap sysctls. A vanished key is needed by nobody: if its interface comes back, it
 * does so with a value of its own.
 */
function isNeeded(rules: readonly Rule[], need: Need, observed: SysctlValues, key: string) {
  return observed.has(key) && rulesOf(rules, key).some((rule) => rule.when(need));
}

/** The key first, then what the kernel moved with it. */
function restoreWithCompanions(
  rule: Rule,
  main: JournalEntry,
  moved: readonly JournalEntry[],
  observed: SysctlValues,
  open: readonly JournalEntry[],
): SysctlStep[] {
  const goesBack = main.before !== main.after && observed.get(main.key) === main.after;
  const { entry_id, ...write } = restoreStep(main, observed);
  // Its entry ends last: as long as it is open, values that the kernel moved back are known as such,
  // even if this undo is cut off before they are put right.
  const end = { ...write, before: write.after, change: undefined, note: undefined, entry_id };
  return [
    write,
    ...moved.map((entry) => companionStep(rule, entry, observed, goesBack)),
    ...(goesBack ? newcomers(rule, observed, open) : []),
    end,
  ];
}

function companionStep(
  rule: Rule,
  entry: JournalEntry,
  observed: SysctlValues,
  goesBack: boolean,
): SysctlStep {
  // With the rule's key back already, it was the kernel that moved this one, not a person.
  const moved = goesBack ? undefined : companionOf(rule, entry.key)?.reverts;
  const step = restoreStep(entry, observed, moved);
  const isGone = step.before === undefined;
  return {
    ...step,
    companion: goesBack,
    // What the kernel does by itself is no change of ours, and what it takes away no loss.
    change: goesBack ? undefined : step.change,
    note: isGone ? undefined : step.note,
  };
}

/** @param alsoOurs a value that is not somebody else's either */
function restoreStep(entry: JournalEntry, observed: SysctlValues, alsoOurs?: string): SysctlStep {
  const { key, before: original, after: ours, id: entry_id, why } = entry;
  const found = observed.get(key);
  const step = { ...emptyStep(key, found, why), entry_id };
  if (found === undefined || original === null) {
    return { ...step, after: ours, note: `${key} is gone, and the value lb gave it with it` };
  }
  if (found === original) return { ...step, after: original };
  if (found !== ours && found !== alsoOurs) {
    const note = `${key} is left at ${found}: somebody changed it after lb, which had set ${ours}`;
    return { ...step, after: found, note: `${note} (it was ${original} before)` };
  }
  return { ...step, after: original, change: sysctlChange("remove", key, found, original) };
}

/**
 * Companions of interfaces that came after lb's change. They are not in the journal, but are moved
 * when the main key goes back: to what they would have been from the start, or were set to since.
 */
function newcomers(
  rule: Rule,
  observed: SysctlValues,
  open: readonly JournalEntry[],
): SysctlStep[] {
  const entries = new Map(open.map((entry) => [entry.key, entry]));
  return companionsOf(rule, observed.keys()).filter(({ key }) => !entries.has(key))
    .map(({ key, pattern, becomes }) => {
      const found = observed.get(key) ?? becomes;
      const inherited = entries.get(keyFor(pattern, "default"))?.before ?? found;
      const after = found === becomes ? inherited : found;
      const step = emptyStep(key, found, `the kernel moves it with ${rule.key}`);
      return { ...step, after, companion: true };
    });
}

function emptyStep(key: string, before: string | undefined, why: string) {
  const nothing = { records: [], companion: false, drift: false };
  return { ...nothing, op: "restore" as const, key, before, why, source: "journal" };
}
