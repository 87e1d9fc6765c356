import { confirm } from "@clack/prompts";
import { EXIT_ATTENTION, LbError } from "../../lib/model/error.ts";
import { shortTime } from "../../lib/model/time.ts";
import { backWords, type Trial, trialWords } from "../../lib/model/trial.ts";
import { type Outcome, sumOf } from "../../lib/reconcile/outcome.ts";
import type { Machine } from "../../lib/reconcile/request.ts";
import { outcomeJson } from "../../lib/report/outcome.ts";
import { exitCodeOf, report } from "../change/change.ts";
import { takenBack } from "../change/trial.ts";
import { context, type Places } from "../context.ts";
import { printJson, say, stderrPaint } from "../shared/io.ts";
import { isToEnd, withMachine } from "../shared/machine.ts";

/** A trial may have been ended by another command: looked at this often. */
const LOOK_MS = 500;

/** Whoever holds the lock at the deadline is waited for this often, each time for `--lock-timeout`. */
const BUSY_MAX = 6;

/** What `lb apply --confirm` puts on record, with the lock held. */
export class TrialRecord {
  readonly #confirm_ms: number;

  /** @param confirm_ms how long somebody has time to confirm it */
  constructor(confirm_ms: number) {
    this.#confirm_ms = confirm_ms;
  }

  /**
   * Before anything is changed. What was on trial already goes back with this.
   *
   * @returns takes it off the record again
   */
  begin({ store: { trials, revisions }, kernel: { clock } }: Machine): () => void {
    const before = trials.open();
    trials.put({
      revision: revisions.next(),
      back_to: before ? before.back_to : revisions.current() ?? null,
      until_ms: clock.now_ms() + this.#confirm_ms,
    });
    return () => before ? trials.put(before) : trials.end();
  }

  /** When it has come about: the time for confirming begins now. Asked again, it begins anew. */
  settle({ store, kernel: { clock } }: Machine, outcome: Outcome): Outcome {
    const trial = store.trials.open();
    if (!trial || trial.revision !== store.revisions.current()) {
      store.trials.end();
      return { ...outcome, notes: [...outcome.notes, "there is nothing to confirm"] };
    }
    store.trials.put({ ...trial, until_ms: clock.now_ms() + this.#confirm_ms });
    return outcome;
  }
}

/** Reports what was applied, waits for a verdict, and reports that. @returns the exit code */
export async function tellTrial(
  places: Places,
  outcome: Outcome,
  { json, lockTimeout_ms }: { readonly json: boolean; readonly lockTimeout_ms: number },
): Promise<number> {
  // JSON is one document, when all of it is over.
  const begin = () => json ? Promise.resolve() : report(outcome, { json, planned: false });
  const verdict = await awaitConfirmation(places, { lockTimeout_ms, begin });
  if (!verdict) return await report(outcome, { json, planned: false });
  const { confirmed, told, back } = verdict;
  const sum = back ? sumOf(outcome, back) : outcome;
  if (json) printJson({ ...outcomeJson(sum), confirmed });
  else if (back) await report(back, { json, planned: false });
  const paint = stderrPaint();
  say(confirmed ? told : paint(`attention: ${told}`, "yellow"));
  return confirmed ? exitCodeOf(sum) : EXIT_ATTENTION;
}

/** How a trial is waited for. */
interface Waiting {
  readonly lockTimeout_ms: number;
  /** Called when there is something to confirm, before it is waited for. */
  readonly begin: () => Promise<unknown>;
}

/** What has become of a trial. */
interface Verdict {
  readonly confirmed: boolean;
  /** One sentence, for people. */
  readonly told: string;
  /** What was done to take it back, where that was done here. */
  readonly back?: Outcome;
}

/**
 * Waits until a trial is confirmed, here (on a terminal) or by another `lb apply`, and takes it back when its time is
 * over, or when this program is to end: whoever has lost the way to this machine cannot confirm.
 *
 * @returns undefined where nothing is on trial
 * @throws {LbError} where it cannot be taken back now: passes try it anew
 */
async function awaitConfirmation(
  places: Places,
  waiting: Waiting,
): Promise<Verdict | undefined> {
  const trial = await trialNow(places);
  if (!trial) return undefined;
  await waiting.begin();
  const stop = new AbortController();
  const release = context.holdSignals(() => stop.abort());
  if (isToEnd()) stop.abort();
  try {
    const isWanted = await decided(places, trial, stop.signal);
    if (isWanted === undefined) return await othersVerdict(places, trial);
    return isWanted ? await keep(places, trial, waiting) : await goBack(places, trial, waiting);
  } finally {
    release();
  }
}

/** @returns whether it is to stay; undefined where another command has decided that */
async function decided(
  places: Places,
  trial: Trial,
  stop: AbortSignal,
): Promise<boolean | undefined> {
  const over = new AbortController();
  const answers = ask(trial, AbortSignal.any([stop, over.signal]));
  let answer: boolean | undefined;
  const answered = answers.then((given) => void (answer = given));
  try {
    for (;;) {
      const left_ms = trial.until_ms - context.clock.now_ms();
      if (answer !== undefined) return answer;
      if (stop.aborted || left_ms <= 0) return false;
      if (!isSame(trial, await trialNow(places, trial))) return undefined;
      await Promise.race([context.clock.sleep(Math.min(LOOK_MS, left_ms)), answered]);
    }
  } finally {
    over.abort();
  }
}

/** On a terminal. Without one nobody answers: another `lb apply` does. */
async function ask(trial: Trial, signal: AbortSignal): Promise<boolean> {
  const { promise: never } = Promise.withResolvers<boolean>();
  if (!context.isInteractive()) {
    say(trialWords(trial));
    return await never;
  }
  const back = `goes back ${backWords(trial)} at ${shortTime(trial.until_ms)}`;
  const message = `Keep revision ${trial.revision}? Without an answer it ${back}.`;
  return await confirm({ message, initialValue: false, signal }) === true;
}

async function keep(places: Places, trial: Trial, { lockTimeout_ms }: Waiting): Promise<Verdict> {
  const isKept = await withMachine(places, lockTimeout_ms, ({ store, kernel: { clock } }) => {
    if (!isSame(trial, store.trials.open())) return Promise.resolve(false);
    const message = `revision ${trial.revision} confirmed by ${context.who()}`;
    store.transaction(() => {
      store.trials.end();
      store.events.add({ at_ms: clock.now_ms(), kind: "apply", message });
    });
    return Promise.resolve(true);
  });
  if (!isKept) return await othersVerdict(places, trial);
  return { confirmed: true, told: `Confirmed: revision ${trial.revision} stays.` };
}

async function goBack(places: Places, trial: Trial, { lockTimeout_ms }: Waiting): Promise<Verdict> {
  const how = { file: places.config, patience_ms: lockTimeout_ms };
  const taken = await patiently(() =>
    withMachine(places, lockTimeout_ms, async (machine) => {
      const isOurs = isSame(trial, machine.store.trials.open());
      return isOurs ? await takenBack(machine, trial, how) : undefined;
    })
  );
  if (!taken) return await othersVerdict(places, trial);
  return { confirmed: false, ...taken };
}

/** A pass that is under way ends before long. */
async function patiently<T>(work: () => Promise<T>): Promise<T> {
  for (let tries = 1;; tries++) {
    try {
      return await work();
    } catch (error) {
      const isBusy = error instanceof LbError && error.code === "busy";
      if (!isBusy || tries >= BUSY_MAX) throw error;
    }
  }
}

/** What another command has made of it. */
async function othersVerdict(places: Places, { revision }: Trial): Promise<Verdict> {
  const store = await context.readStore(places);
  try {
    if (store?.trials.open()) {
      const told = `Another "lb apply --confirm" goes on with what revision ${revision} began.`;
      return { confirmed: true, told };
    }
    const confirmed = store?.revisions.current() === revision;
    const told = confirmed
      ? `Confirmed by another command: revision ${revision} stays.`
      : `revision ${revision} is not in force any more: "lb history" tells why`;
    return { confirmed, told };
  } finally {
    store?.close();
  }
}

/** A state that cannot be read just now says nothing new. */
async function trialNow(places: Places, before?: Trial): Promise<Trial | undefined> {
  try {
    const store = await context.readStore(places);
    try {
      return store?.trials.open();
    } finally {
      store?.close();
    }
  } catch (error) {
    if (before && error instanceof LbError) return before;
    throw error;
  }
}

function isSame(one: Trial, other: Trial | undefined): boolean {
  return one.revision === other?.revision && one.until_ms === other.until_ms;
}
