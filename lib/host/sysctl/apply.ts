import { KernelError } from "../../model/error.ts";
import {
  type Blocked,
  emptyOutcome,
  isRefusal,
  type JournalPort,
  type Outcome,
  type OutcomeDraft,
} from "../resource.ts";
import { pathOf } from "./key.ts";
import { readSysctl, type SysctlFiles } from "./observe.ts";
import type { SysctlStep } from "./step.ts";

/** What a write came to, when it was not an error of its own. */
type Written = "written" | "gone" | "read-only" | "denied";

const SILENT_CODES: Readonly<Record<string, Written>> = {
  ENOENT: "gone",
  EROFS: "read-only",
  EACCES: "denied",
  EPERM: "denied",
};

/**
 * Carries the steps out in order. Prior values are on record before the first byte is written.
 *
 * @throws {KernelError} where the kernel refuses a value
 */
export function applySysctls(
  files: SysctlFiles,
  steps: readonly SysctlStep[],
  journal: JournalPort,
): Outcome {
  const outcome = emptyOutcome();
  for (const step of steps) {
    if (step.op === "set") set(files, step, journal, outcome);
    // What comes after it in a restore presumes that this one went back.
    else if (!restore(files, step, journal, outcome)) break;
  }
  return outcome;
}

/**
 * What becomes of a plan that is not carried out: each change is something for the operator to do.
 *
 * @param reason why not: `sysctl = "check"`, or a /proc/sys that is known to be read-only
 */
export function reportSysctls(
  steps: readonly SysctlStep[],
  reason: "check" | "read-only" = "check",
): Outcome {
  const blocked = steps.filter((step) => step.change)
    .map((step) => reason === "check" ? checkedStep(step) : blockedStep(step, reason));
  return { ...emptyOutcome(), blocked };
}

function checkedStep({ key, before, after, why }: SysctlStep): Blocked {
  const message = `sysctl = "check" in lb.toml: ${key} is ${before} and should be ${after} ` +
    `(${why}); set it with: sysctl -w ${key}=${after}`;
  return { object: key, value: after, message };
}

function set(
  files: SysctlFiles,
  step: SysctlStep,
  journal: JournalPort,
  outcome: OutcomeDraft,
): void {
  const entries = step.records.length === 0 ? [] : journal.record(step.records);
  const giveUp = () => entries.forEach(({ id }) => journal.undone(id));
  try {
    if (write(files, step, outcome) === "written") return;
  } catch (error) {
    if (isRefusal(error)) giveUp();
    throw error;
  }
  giveUp();
}

/** @returns false where the value could not be put back; its journal entry stays open then */
function restore(
  files: SysctlFiles,
  step: SysctlStep,
  journal: JournalPort,
  outcome: OutcomeDraft,
): boolean {
  const found = readSysctl(files, step.key);
  if (found !== undefined && found !== step.after) {
    if (!step.companion && found !== step.before) {
      outcome.notes.push(`${step.key} is left at ${found}: somebody changed it just now`);
    } else if (isBlocked(write(files, step, outcome))) return false;
  }
  if (step.note) outcome.notes.push(step.note);
  if (step.entry_id !== undefined) journal.undone(step.entry_id);
  return true;
}

/** Writes a step's value, and says in the outcome what came of it. */
function write(files: SysctlFiles, step: SysctlStep, outcome: OutcomeDraft): Written {
  const result = tryWrite(files, step.key, step.after);
  if (isBlocked(result)) outcome.blocked.push(blockedStep(step, result));
  else if (result === "gone") outcome.notes.push(`${step.key} is gone, and was not set`);
  else if (step.change) outcome.done.push(step.change);
  return result;
}

function isBlocked(result: Written): result is "read-only" | "denied" {
  return result === "read-only" || result === "denied";
}

function blockedStep({ key, after, why }: SysctlStep, reason: "read-only" | "denied"): Blocked {
  const found = reason === "read-only"
    ? "/proc/sys is read-only here (as in a container)"
    : "no permission to write /proc/sys (root, or CAP_NET_ADMIN in a container)";
  const advice = `set ${key}=${after} from outside`;
  return { object: key, value: after, message: `${found}: ${advice} (${why})` };
}

function tryWrite(files: SysctlFiles, key: string, value: string): Written {
  const path = pathOf(key);
  try {
    files.write(path, value);
    return "written";
  } catch (cause) {
    if (!hasErrno(cause)) throw cause;
    const { code: errno, message } = cause;
    const silent = SILENT_CODES[errno];
    if (silent) return silent;
    throw new KernelError({ operation: `write ${value}`, object: path, errno, message }, { cause });
  }
}

function hasErrno(error: unknown): error is Error & { code: string } {
  return error instanceof Error && "code" in error && typeof error.code === "string";
}
