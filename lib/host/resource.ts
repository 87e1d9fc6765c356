import type { Change } from "../model/change.ts";
import { KernelError } from "../model/error.ts";
import type { JournalEntry, JournalRecord, JournalResource } from "../model/journal.ts";
import type { Kernel } from "../sys/ports.ts";

/** Where prior values are kept. Filled by the state database. */
export interface JournalPort {
  /** Writes all of them or none; they survive a crash once it returns. Call before the kernel write. */
  record(records: readonly JournalRecord[]): readonly JournalEntry[];
  /** What was changed has moved on: these entries say so from now on, all of them or none. */
  amend(ids: readonly number[], after: string): void;
  /** The change was put back, or is no longer ours to put back. Call after the kernel write. */
  undone(id: number): void;
  /** Changes that stand, oldest first. */
  open(resource: JournalResource): readonly JournalEntry[];
}

/** One write of a plan. */
export interface Step {
  /** undefined: nothing an operator would call a change, such as closing a journal entry. */
  readonly change?: Change;
  /** It was in place before, and somebody else changed it. */
  readonly drift: boolean;
}

/** Something wanted that lb cannot or may not bring about, and what the operator can do. */
export interface Blocked {
  readonly object: string;
  /** What the object should be. */
  readonly value: string;
  readonly message: string;
}

/** What to do to the host. A plan with nothing wanted puts everything back. */
export interface HostPlan<S extends Step> {
  /** What services need, in this order. When its turn comes is decided where plans are carried out. */
  readonly set: readonly S[];
  /** What nobody needs any more, in this order: carried out last. */
  readonly restore: readonly S[];
  /** What no step can bring about. */
  readonly blocked: readonly Blocked[];
}

/** What came of a list of steps. */
export interface StepsResult {
  readonly done: readonly Change[];
  readonly blocked: readonly Blocked[];
  /** Worth telling the operator: values left alone because somebody else changed them, and the like. */
  readonly notes: readonly string[];
}

/**
 * Something of the host that services need besides their engine, brought about like an engine's
 * objects: observe, plan, apply. `Want` is what is needed, `Observed` what the kernel has.
 */
export interface HostResource<Want, Observed, S extends Step> {
  readonly name: JournalResource;
  /** Reads only. `open` are this resource's open journal entries. */
  observe(kernel: Kernel, open: readonly JournalEntry[]): Observed;
  /** Pure. */
  plan(want: Want, observed: Observed, open: readonly JournalEntry[]): HostPlan<S>;
  /**
   * Carries steps out in order, each journalled before it is written.
   *
   * @throws {KernelError} where the kernel refuses; what was done before stays journalled
   */
  apply(kernel: Kernel, steps: readonly S[], journal: JournalPort): Promise<StepsResult>;
}

/** A result in the making. */
export interface StepsResultDraft {
  readonly done: Change[];
  readonly blocked: Blocked[];
  readonly notes: string[];
}

/** Nothing done, nothing to say. */
export function nothingDone(): StepsResultDraft {
  return { done: [], blocked: [], notes: [] };
}

/**
 * Whether an error is the kernel's own no. Where it gave no answer it may have done what was asked, and the
 * journal must go on saying so.
 */
export function isRefusal(error: unknown): error is KernelError {
  return error instanceof KernelError && error.refusal.errno !== "ETIMEDOUT";
}
