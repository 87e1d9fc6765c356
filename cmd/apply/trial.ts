import process from "node:process";
import { confirm } from "@clack/prompts";
import { EXIT_ATTENTION, LbError } from "../../lib/model/error.ts";
import { shortTime } from "../../lib/model/time.ts";
import { backWords, type Trial, trialWords } from "../../lib/model/trial.ts";
import { type Outcome, sumOf } from "../../lib/reconcile/outcome.ts";
import { outcomeJson } from "../../lib/report/outcome.ts";
import { exitCodeOf, report } from "../change/change.ts";
import { recordConfirmed, stuckWords, takenBack } from "../change/trial.ts";
import { context, type Places } from "../context.ts";
import { printJson, say, stderrPaint } from "../shared/io.ts";
import { isToEnd, withMachine } from "../shared/machine.ts";

/** A trial may have been ended by another command: looked at this often. */
const LOOK_MS = 500;

/** What cannot be done just now is tried again for so long, whoever holds the lock: nobody else may mind the trial. */
const PATIENCE_MS = 60_000;

/** After so long. */
const AGAIN_MS = 1_000;

/** Reports what was applied, waits for its ending, and reports that. @returns the exit code */
export async function tellTrial(
  places: Places,
  outcome: Outcome,
  { json, lockTimeout_ms }: { readonly json: boolean; readonly lockTimeout_ms: number },
): Promise<number> {
  // JSON is one document, when all of it is over.
  const begin = () => json ? Promise.resolve() : report(outcome, { json, planned: false });
  const ending = await awaitConfirmation(places, { lockTimeout_ms, begin });
  if (!ending) return await report(outcome, { json, planned: false });
  const { confirmed, told, back } = ending;
  const sum = back ? sumOf(outcome, back) : outcome;
  if (json) printJson({ ...outcomeJson(sum), confirmed });
  else if (back) await report(back, { json, planned: false });
  const paint = stderrPaint();
  say(confirmed !== false ? told : paint(`attention: ${told}`, "yellow"));
  return confirmed === false ? EXIT_ATTENTION : exitCodeOf(sum);
}

/** How a trial is waited for. */
interface Waiting {
  readonly lockTimeout_ms: number;
  /** Called when there is something to confirm, before it is waited for. */
  readonly begin: () => Promise<unknown>;
}

/** What has become of a trial. */
interface Ending {
  /** null: that is still open, and another run waits for it. */
  readonly confirmed: boolean | null;
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
): Promise<Ending | undefined> {
  const trial = await patiently(({ message }) => message, () => trialNow(places));
  if (!trial) return undefined;
  await waiting.begin();
  const stop = new AbortController();
  const release = context.holdSignals(() => stop.abort());
  if (isToEnd()) stop.abort();
  try {
    const isWanted = await decided(places, trial, stop.signal);
    if (isWanted === undefined) return await othersEnding(places, trial);
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
  // Its time is over also where somebody puts the clock back.
  const end_ms = performance.now() + trial.until_ms - context.clock.now_ms();
  const answered = answers.then((given) => void (answer = given));
  try {
    for (;;) {
      const left_ms = Math.min(
        end_ms - performance.now(),
        trial.until_ms - context.clock.now_ms(),
      );
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
  if (!context.isInteractive() || context.isInBackground()) {
    say(trialWords(trial));
    return await never;
  }
  outliveTerminal();
  const back = `goes back ${backWords(trial)} at ${shortTime(trial.until_ms)}`;
  const message = `Keep revision ${trial.revision}? Without an answer it ${back}.`;
  return await confirm({ message, initialValue: false, signal }) === true;
}

/**
 * A terminal that is gone takes no last line of the question, and is not to be set as it was: no reason to end before all
 * is taken back.
 */
function outliveTerminal(): void {
  const { stdin, stdout } = process;
  for (const stream of [stdin, stdout]) stream.on("error", () => {});
  const setRawMode = stdin.setRawMode.bind(stdin);
  stdin.setRawMode = (isRaw) => {
    try {
      return setRawMode(isRaw);
    } catch {
      return stdin;
    }
  };
}

async function keep(places: Places, trial: Trial, { lockTimeout_ms }: Waiting): Promise<Ending> {
  const words = ({ message }: LbError) =>
    `revision ${trial.revision} is not confirmed: ${message}\n"lb apply" keeps it, else it goes back`;
  const isKept = await patiently(
    words,
    () =>
      withMachine(places, lockTimeout_ms, (machine) => {
        const isOurs = isSame(trial, machine.store.trials.open());
        if (isOurs) recordConfirmed(machine, trial);
        return Promise.resolve(isOurs);
      }),
  );
  if (!isKept) return await othersEnding(places, trial);
  return { confirmed: true, told: `Confirmed: revision ${trial.revision} stays.` };
}

async function goBack(places: Places, trial: Trial, { lockTimeout_ms }: Waiting): Promise<Ending> {
  const how = { file: places.config, patience_ms: lockTimeout_ms };
  const taken = await patiently(
    (error) => stuckWords(trial, error),
    () =>
      withMachine(places, lockTimeout_ms, async (machine) => {
        const isOurs = isSame(trial, machine.store.trials.open());
        return isOurs ? await takenBack(machine, trial, how) : undefined;
      }),
  );
  if (!taken) return await othersEnding(places, trial);
  return { confirmed: false, ...taken };
}

/** A pass that is under way ends before long; a kernel without memory, a disk that is full have better moments, too. */
async function patiently<T>(words: (error: LbError) => string, work: () => Promise<T>): Promise<T> {
  const end_ms = performance.now() + PATIENCE_MS;
  let said = "";
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof LbError)) throw error;
      const told = words(error);
      if (performance.now() >= end_ms) throw new LbError(error.code, told, { cause: error });
      if (told !== said && error.code !== "busy") say(`attention: ${said = told}`);
      await context.clock.sleep(AGAIN_MS);
    }
  }
}

/** What another command has made of it. */
async function othersEnding(places: Places, { revision }: Trial): Promise<Ending> {
  const store = await context.readStore(places);
  try {
    if (store?.trials.open()) {
      const told = `Another "lb apply --confirm" goes on with what revision ${revision} began.`;
      return { confirmed: null, told };
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
