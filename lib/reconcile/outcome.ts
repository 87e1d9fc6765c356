import { ABSENT, type Change } from "../model/change.ts";
import type { HealthChange } from "../model/health.ts";
import type { ServiceImpact } from "./impact.ts";
import type { Chosen } from "./selection.ts";

/** A sysctl that is, was or would be set. */
export interface SysctlOutcome {
  readonly key: string;
  readonly before: string | null;
  readonly after: string;
  readonly why: string;
}

/** What a run did, or (as a plan) would do. */
export interface Outcome {
  /** Revision of the config the kernel now holds; null where nothing was ever applied. */
  readonly revision: number | null;
  /** Whether anything in the kernel was (would be) changed. */
  readonly changed: boolean;
  readonly changes: readonly Change[];
  /** No more than weights that follow load: done every so often, and nothing to tell of. @default false */
  readonly routine?: boolean;
  readonly sysctls: readonly SysctlOutcome[];
  readonly services: readonly Chosen[];
  /** Objects that had been changed behind our back, and were (would be) repaired. */
  readonly drift: readonly string[];
  /** What is wanted and cannot be brought about, each with what the operator can do. */
  readonly blocked: readonly string[];
  /** Of a plan: what it does to the connections of services that it changes. Undefined of what was done. */
  readonly impact?: readonly ServiceImpact[];
  /** What the config's author may want to look at. */
  readonly warnings: readonly string[];
  /** What has changed of backends' health. Undefined where nothing has. */
  readonly health?: readonly HealthChange[];
  /** What is not well now, a sentence for each. Undefined where all is. */
  readonly unwell?: readonly string[];
  /** Notes on what happened that are nobody's fault, for instance a completed run. */
  readonly notes: readonly string[];
  /** Those of the notes that say what this run has done, and not how things are. Undefined where none does. */
  readonly news?: readonly string[];
}

/** The object of changes and drift that is the queue worker. */
export const WORKER = "worker";

/** What was found of an object and done about it, in a sentence. Pure. */
export function driftWords(object: string, changes: readonly Change[]): string {
  // That it died is nobody's doing.
  if (object === WORKER) return `${driftFound(object, changes)}; started anew`;
  const detail = changeOf(object, changes)?.detail ?? "";
  const words = `${object} had been ${driftKind(object, changes)} behind lb's back; put right`;
  return detail === "" ? words : `${words}: ${detail.replace(ABSENT, "made anew")}`;
}

/** What was found of an object, in a plan too. Pure. */
export function driftFound(object: string, changes: readonly Change[]): string {
  return object === WORKER
    ? `queue worker: ${changeOf(object, changes)?.detail || "did not run"}`
    : `${object}: ${driftKind(object, changes)} behind lb's back`;
}

function driftKind(object: string, changes: readonly Change[]): "changed" | "deleted" {
  return changeOf(object, changes)?.op === "add" ? "deleted" : "changed";
}

function changeOf(object: string, changes: readonly Change[]): Change | undefined {
  return changes.find((change) => change.object === object);
}

/** What two runs did, one after the other, as one; the second tells how things are. Pure. */
export function sumOf(sum: Outcome, one: Outcome): Outcome {
  return {
    ...one,
    changed: sum.changed || one.changed,
    changes: [...sum.changes, ...one.changes],
    sysctls: [...sum.sysctls, ...one.sysctls],
    drift: [...sum.drift, ...one.drift],
    notes: [...sum.notes, ...one.notes],
    ...(sum.health || one.health) && { health: [...sum.health ?? [], ...one.health ?? []] },
  };
}

/** What many runs did as one; each is added to what there is, and nothing is copied for it. */
export class OutcomeSum {
  readonly #done = {
    changes: [] as Change[],
    sysctls: [] as SysctlOutcome[],
    drift: [] as string[],
    notes: [] as string[],
    health: [] as HealthChange[],
  };
  readonly #standing = new Set<string>();
  #changed = false;
  #last: Outcome;

  /** @param last tells how things are as long as nothing is added */
  constructor(last: Outcome) {
    this.#last = last;
  }

  add(one: Outcome): void {
    const { changes, sysctls, drift, notes, health } = this.#done;
    for (const change of one.changes) changes.push(change);
    for (const sysctl of one.sysctls) sysctls.push(sysctl);
    for (const object of one.drift) drift.push(object);
    for (const change of one.health ?? []) health.push(change);
    for (const note of one.notes) if (this.#isNew(note, one)) notes.push(note);
    this.#changed ||= one.changed;
    this.#last = one;
  }

  total(): Outcome {
    const { health, ...done } = this.#done;
    const last = { ...this.#last, changed: this.#changed, ...done };
    return health.length > 0 ? { ...last, health } : last;
  }

  /** What a run has done is told of each; how things are, once. */
  #isNew(note: string, { news = [] }: Outcome): boolean {
    if (news.includes(note)) return true;
    const isKnown = this.#standing.has(note);
    this.#standing.add(note);
    return !isKnown;
  }
}
