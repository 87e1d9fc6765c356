import type { Change } from "../../model/change.ts";
import type { JournalRecord } from "../../model/journal.ts";
import type { Step } from "../resource.ts";

/** One write to /proc/sys, or the end of a journal entry. */
export interface SysctlStep extends Step {
  readonly op: "set" | "restore";
  readonly key: string;
  /** What was observed; undefined where the key is gone. */
  readonly before: string | undefined;
  /** What it shall be. Nothing is written where it is that already when its turn comes. */
  readonly after: string;
  readonly why: string;
  readonly source: string;
  /** To be on record before the write: the key's own prior value last, after its companions'. */
  readonly records: readonly JournalRecord[];
  /** The entry that tells of another value, which lb gave it before. */
  readonly amends?: number;
  /** The entry that ends with this step. */
  readonly entry_id?: number;
  /** Moved by the kernel with another step of this plan, so that `before` no longer holds then. */
  readonly companion: boolean;
  /** Said to the operator once the step is done. */
  readonly note?: string;
}

/** A line of a plan for people. */
export function sysctlChange(op: Change["op"], key: string, from: string, to: string): Change {
  return { engine: "sysctl", op, object: key, detail: `${from} → ${to}` };
}
