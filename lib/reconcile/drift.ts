import type { Engine, EngineSnapshot } from "../engine/engine.ts";
import type { EngineName } from "../model/service.ts";
import type { CommitRecord } from "../store/commits.ts";
import type { HostIdentity } from "../store/journal.ts";
import type { Store } from "../store/store.ts";

/** How what the kernel holds relates to what lb last left there. */
export interface Drift {
  /** Objects changed behind our back. */
  readonly objects: readonly string[];
  /** A word for the operator where the difference is nobody's fault. */
  readonly note?: string;
  /** A run left this behind and never came to its end: nobody else's doing, but not on record either. */
  readonly isCutOff?: boolean;
}

/** What is known of earlier runs in this boot and network namespace. */
export interface Memory {
  readonly committed?: CommitRecord;
  /** Tokens of transactions that were begun and never recorded. */
  readonly pending: readonly string[];
}

/** The mark of a transaction that leaves nothing behind. */
export const NOTHING_LEFT = "";

/** By what the kernel's state is known: the token on it, or its absence. */
export function markOf({ present, token }: EngineSnapshot): string | undefined {
  return present ? token : NOTHING_LEFT;
}

/** What the store remembers of an engine, as far as it holds here and now. */
export function engineMemory(
  { store, host }: { readonly store: Store; readonly host: HostIdentity },
  engine: EngineName,
): Memory {
  const committed = store.commits.get(engine);
  // What was committed in another boot or network namespace is not in this kernel.
  const isHere = committed?.boot_id === host.boot_id && committed.netns === host.netns;
  return { committed: isHere ? committed : undefined, pending: store.commits.pending(engine) };
}

/** Tells drift from a first apply, a reboot and a run that was cut off. Pure. */
export function findDrift(engine: Engine, have: EngineSnapshot, memory: Memory): Drift {
  const { committed, pending } = memory;
  const mark = markOf(have);
  if (mark !== undefined && pending.includes(mark)) {
    const note = `${engine.name}: settled what a run that was cut off had left`;
    return { objects: [], note, isCutOff: true };
  }
  if (!committed) {
    const note = have.present ? `${engine.name}: took over what an unknown lb left` : undefined;
    return { objects: [], note };
  }
  if (have.present && have.token !== committed.token) {
    return { objects: [`${engine.name}: everything (written by somebody else)`] };
  }
  return { objects: engine.drift(have, committed) };
}
