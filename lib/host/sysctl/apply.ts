import { KernelError } from "../../model/error.ts";
import {
  type Blocked,
  isRefusal,
  type JournalPort,
  nothingDone,
  type StepsResult,
  type StepsResultDraft,
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
): StepsResult {
  const result = nothingDone();
  for (const step of steps) {
    if (step.op === "set") set(files, step, journal, result);
    // What comes after it in a restore presumes that this one went back.
    else if (!restore(files, step, journal, result)) break;
  }
  return result;
}

/**
 * What becomes of a plan that is not carried out: each change is something for the operator to do.
 *
 * @param reason why not: `sysctl = "check"`, or a /proc/sys that is known to be read-only
 */
export function reportSysctls(
  steps: readonly SysctlStep[],
  reason: "check" | "read-only" = "check",
): StepsResult {
  const blocked = steps.filter((step) => step.change)
    .map((step) => reason === "check" ? checkedStep(step) : blockedStep(step, reason));
  return { ...nothingDone(), blocked };
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
  result: StepsResultDraft,
): void {
  const entries = step.records.length === 0 ? [] : journal.record(step.records);
  const { amends, before = "" } = step;
  if (amends !== undefined) journal.amend([amends], step.after);
  const giveUp = () => {
    entries.forEach(({ id }) => journal.undone(id));
    if (amends !== undefined) journal.amend([amends], before);
  };
  try {
    if (write(files, step, result) === "written") return;
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
  result: StepsResultDraft,
): boolean {
  const found = readSysctl(files, step.key);
  if (found !== undefined && found !== step.after) {
    if (!step.companion && found !== step.before) {
      result.notes.push(`${step.key} is left at ${found}: somebody changed it just now`);
    } else if (isBlocked(write(files, step, result))) return false;
  }
  if (step.note) result.notes.push(step.note);
  if (step.entry_id !== undefined) journal.undone(step.entry_id);
  return true;
}

/** Writes a step's value, and says in the result what came of it. */
function write(files: SysctlFiles, step: SysctlStep, result: StepsResultDraft): Written {
  const written = tryWrite(files, step.key, step.after);
  if (isBlocked(written)) result.blocked.push(blockedStep(step, written));
  else if (written === "gone") result.notes.push(`${step.key} is gone, and was not set`);
  else if (step.change) result.done.push(step.change);
  return written;
}

function isBlocked(written: Written): written is "read-only" | "denied" {
  return written === "read-only" || written === "denied";
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
