import type { JournalEntry } from "../../model/journal.ts";
import type { FilesPort } from "../../sys/ports.ts";
import { observeSysctls } from "./observe.ts";
import { SYSCTL_RULES } from "./rules.ts";
import { type SysctlWant, wantedSysctls } from "./wanted.ts";

/** A sysctl as it should be and as it is. */
export interface SysctlValueReport {
  readonly key: string;
  readonly wanted: string;
  /** null: this kernel does not have it. */
  readonly found: string | null;
  /** What was found is good enough, though it may differ. */
  readonly ok: boolean;
  readonly why: string;
  readonly source: string;
}

/** Every sysctl that is wanted, beside what it is. Reads only. @param open open journal entries */
export function reportSysctlValues(
  files: FilesPort,
  want: SysctlWant,
  open: readonly JournalEntry[],
): SysctlValueReport[] {
  const observed = observeSysctls(files, SYSCTL_RULES, open.map(({ key }) => key));
  return wantedSysctls(SYSCTL_RULES, want, observed, open).map(({ rule, key, found, ok }) => ({
    key,
    wanted: rule.value,
    found: found ?? null,
    ok,
    why: rule.why,
    source: rule.source,
  }));
}
