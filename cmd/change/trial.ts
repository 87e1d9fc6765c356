import { LbError } from "../../lib/model/error.ts";
import { backWords, isOver, type Trial, trialWords } from "../../lib/model/trial.ts";
import type { Outcome } from "../../lib/reconcile/outcome.ts";
import type { Machine } from "../../lib/reconcile/request.ts";
import type { Store } from "../../lib/store/store.ts";
import { context } from "../context.ts";

/** What is on trial (`lb apply --confirm`) is minded by every command that changes something. */

/**
 * A change on top of a trial would be lost when that is taken back.
 *
 * @throws {LbError} `busy`
 */
export function refuseOnTrial(store: Store): void {
  const trial = store.trials.open();
  if (!trial) return;
  // Before a first apply there is no revision to go back to.
  const back = trial.back_to === null ? "lb uninstall" : "lb rollback";
  const words = `${trialWords(trial)}, and this change with it`;
  throw new LbError("busy", `${words}; "${back}" takes it back at once`);
}

/** Whoever wants what is on trial, without a condition, confirms it. */
export function confirmed(machine: Machine, outcome: Outcome): Outcome {
  const { trials } = machine.store;
  const trial = trials.open();
  if (!trial) {
    trials.end();
    return outcome;
  }
  recordConfirmed(machine, trial);
  const note = `revision ${trial.revision} was on trial, and is confirmed by this`;
  return { ...outcome, notes: [...outcome.notes, note] };
}

/** It stays. */
export function recordConfirmed({ store, kernel: { clock } }: Machine, { revision }: Trial): void {
  const message = `revision ${revision} confirmed by ${context.who()}`;
  store.transaction(() => {
    store.trials.end();
    store.events.add({ at_ms: clock.now_ms(), kind: "apply", message });
  });
}

/**
 * Takes back what nobody has confirmed in time: whoever waited for that may have been killed. What is in force
 * is looked after also where that cannot be taken back just now.
 *
 * @returns undefined where there is nothing to take back
 */
export async function takeBackDue(
  machine: Machine,
  how: { readonly file: string; readonly patience_ms: number },
): Promise<Outcome | undefined> {
  const { store, kernel: { clock } } = machine;
  const trial = store.trials.open();
  if (!trial || !isOver(trial, clock.now_ms())) return undefined;
  try {
    const { back, told } = await takenBack(machine, trial, how);
    return { ...back, blocked: [...back.blocked, told] };
  } catch (error) {
    if (!(error instanceof LbError)) throw error;
    const { NOTHING_IN_FORCE } = await import("../../lib/report/outcome.ts");
    return { ...NOTHING_IN_FORCE, blocked: [stuckWords(trial, error)] };
  }
}

/** That it could not be taken back, in a sentence. */
export function stuckWords({ revision }: Trial, { message }: Error): string {
  return `revision ${revision} was not confirmed, and cannot be taken back: ${message}\n` +
    `It stays in force; this is tried again, also by each "lb reconcile"`;
}

/** The same whatever the time. @returns what was done, and a sentence that says so */
export async function takenBack(
  machine: Machine,
  trial: Trial,
  { file, patience_ms }: { readonly file: string; readonly patience_ms: number },
): Promise<{ readonly back: Outcome; readonly told: string }> {
  const { takeBack } = await import("../../lib/reconcile/trial.ts");
  const back = await takeBack(machine, trial, { who: context.who(), patience_ms });
  const words = `revision ${trial.revision} was not confirmed: taken back ${backWords(trial)}`;
  const isInFile = await holdsTried(machine, trial, file);
  return { back, told: isInFile ? `${words}; ${file} still says what was tried` : words };
}

/** Services may only have been moved, and somebody may have edited the file since, or deleted it. */
async function holdsTried({ store: { revisions } }: Machine, { revision }: Trial, file: string) {
  const tried = revisions.get(revision)?.config_text;
  if (tried === revisions.latestApplied()?.config_text) return false;
  const found = await context.peekConfig({ config: file }).catch((error: unknown) => {
    if (error instanceof LbError) return undefined;
    throw error;
  });
  return found === tried;
}
