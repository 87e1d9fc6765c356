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

/** Somebody goes on from what is on trial. @returns what was on trial until now */
export function endTrial({ trials }: Store): Trial | undefined {
  const trial = trials.open();
  trials.end();
  return trial;
}

/**
 * Takes back what nobody has confirmed in time: whoever waited for that may have been killed.
 *
 * @returns undefined where there is nothing to take back
 * @throws {LbError} as `reconcile`
 */
export async function takeBackDue(
  machine: Machine,
  how: { readonly file: string; readonly patience_ms: number },
): Promise<Outcome | undefined> {
  const { store, kernel: { clock } } = machine;
  const trial = store.trials.open();
  if (!trial || !isOver(trial, clock.now_ms())) return undefined;
  const { back, told } = await takenBack(machine, trial, how);
  return { ...back, blocked: [...back.blocked, told] };
}

/** Each try may be a revision that failed, and of those that went well the history is to keep some. */
const AGAIN_MS = 60_000;

/** What could not be taken back is due again after a while. */
export function postpone({ store: { trials }, kernel: { clock } }: Machine): void {
  const trial = trials.open();
  if (trial) trials.put({ ...trial, until_ms: clock.now_ms() + AGAIN_MS });
}

/** The same whatever the time. @returns what was done, and a sentence that says so */
export async function takenBack(
  machine: Machine,
  trial: Trial,
  { file, patience_ms }: { readonly file: string; readonly patience_ms: number },
): Promise<{ readonly back: Outcome; readonly told: string }> {
  const { takeBack } = await import("../../lib/reconcile/trial.ts");
  const back = await takeBack(machine, trial, { who: context.who(), patience_ms });
  const told = `revision ${trial.revision} was not confirmed: taken back ${backWords(trial)}; ` +
    `${file} still says what was tried`;
  return { back, told };
}
