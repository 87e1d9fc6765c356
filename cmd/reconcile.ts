import type { LoadedConfig } from "../lib/config/load.ts";
import { EXIT_CODES, EXIT_OK, LbError } from "../lib/model/error.ts";
import type { HealthChange } from "../lib/model/health.ts";
import type { Trial } from "../lib/model/trial.ts";
import type { IsDue } from "../lib/reconcile/health/health.ts";
import type { Outcome, OutcomeSum } from "../lib/reconcile/outcome.ts";
import type { Machine } from "../lib/reconcile/request.ts";
import type { PassCount, Rhythm } from "../lib/reconcile/rhythm.ts";
import type { Store } from "../lib/store/store.ts";
import { change, exitCodeOf, report } from "./change/change.ts";
import { context, type Places } from "./context.ts";
import type { DrainRun } from "./change/drains.ts";
import { fail, printJson, say } from "./shared/io.ts";
import { takeBackDue } from "./change/trial.ts";
import { News } from "./change/news.ts";
import { appliedOnce } from "./shared/applied_once.ts";
import { type End, examples, lockingCommand, parsePatience, placesOf } from "./shared/options.ts";

/** `lb reconcile` */
export function reconcileCommand(end: End) {
  return lockingCommand("reconcile")
    .summary("check backends, repair what drifted from the applied config: what cron runs")
    .description(
      "Checks every backend, then compares the kernel with the config that was applied last, and puts right " +
        "what differs. Quiet when all is well, one line for each change otherwise. Edits of lb.toml wait for " +
        "lb apply.",
    )
    .option("--every <time>", "go on, with a pass this often", parsePatience)
    .option("--for <time>", "how long to go on", parsePatience)
    .addHelpText(
      "after",
      examples(
        ["lb reconcile", "one pass; exit code 1 if something needs attention"],
        ["lb reconcile --every 5s --for 58s", "a minute of passes"],
        [
          "* * * * * root /usr/local/bin/lb reconcile --every 5s --for 58s",
          "in /etc/cron.d/lb, where lb init puts it",
        ],
      ),
    )
    .action(async (options) => {
      context.needRoot("reconcile");
      const places = placesOf(options);
      const { json, lockTimeout: lockTimeout_ms } = options;
      const rhythm = rhythmOf(options.every, options.for);
      const pass = passOf(places);
      if (rhythm) return end(await goOn(places, pass, { rhythm, json, lockTimeout_ms }));
      const outcome = await pass(lockTimeout_ms, {});
      if (outcome) return end(await tell(outcome, json));
      const exitCode = await tell(await nothingInForce(places), json);
      if (exitCode === EXIT_OK && !json && Deno.stderr.isTerminal()) {
        say('Nothing was applied yet; "lb apply" does that.');
      }
      end(exitCode);
    });
}

function rhythmOf(every_ms: number | undefined, for_ms: number | undefined): Rhythm | undefined {
  if (every_ms === undefined && for_ms === undefined) return undefined;
  if (every_ms && for_ms !== undefined) return { every_ms, for_ms };
  throw new LbError("usage", "--every and --for go together, for instance --every 5s --for 58s");
}

/** What a pass is to mind besides the state. */
interface PassOptions {
  /** Whose turn it is. @default everybody's */
  readonly isDue?: IsDue;
  /** Passes that were left out since the last one. @default 0 */
  readonly skipped?: number;
}

/** One pass. @returns undefined where nothing was ever applied */
type Pass = (lockTimeout_ms: number, options: PassOptions) => Promise<Outcome | undefined>;

function passOf(places: Places): Pass {
  const configIn = appliedOnce();
  return async (lockTimeout_ms, { isDue, skipped = 0 }) => {
    const run: DrainRun = { places, lockTimeout_ms, load: configIn };
    let back: Outcome | undefined;
    let early: Outcome | undefined;
    // A state that is empty would only hide that there was none.
    if (!context.hasState(places)) return undefined;
    return await change({
      places,
      lockTimeout_ms,
      dryRun: false,
      text: ({ store }) => Promise.resolve(store.revisions.latestApplied()?.config_text),
      async check(machine) {
        if (skipped > 0) machine.store.passes.skip(skipped);
        back = await takeBackDue(machine, { file: places.config, patience_ms: lockTimeout_ms });
        const found = back?.health ?? [];
        if (isDue === NOBODY) return found;
        early = await drainsDue(machine, run);
        const checked = await checkBackends(machine, configIn, isDue);
        return [...found, ...early?.health ?? [], ...checked];
      },
      async target({ store }) {
        const loaded = await configIn(store);
        return loaded && { loaded, command: "lb reconcile" };
      },
      after: async (machine, outcome) => {
        const { recordPassage } = await import("../lib/reconcile/sample.ts");
        await recordPassage(machine);
        const told = back ? await withEarly(back, outcome) : outcome;
        if (early) return await withEarly(early, told);
        const { lookAfterDrains } = await import("./change/drains.ts");
        return await lookAfterDrains(machine, told, run);
      },
    });
  };
}

/**
 * Deadlines come before the checks, which may take seconds.
 *
 * @returns undefined where nothing was due, or could not be done: drains are looked after once more at the end
 */
async function drainsDue(machine: Machine, run: DrainRun): Promise<Outcome | undefined> {
  if (machine.store.intents.isIdle()) return undefined;
  const { nextWake } = await import("../lib/reconcile/drain/drain.ts");
  if ((nextWake(machine.store) ?? Infinity) > context.clock.now_ms()) return undefined;
  const { lookAfterDrains } = await import("./change/drains.ts");
  try {
    return await lookAfterDrains(machine, await emptyOutcome(), run);
  } catch (error) {
    if (error instanceof LbError) return undefined;
    throw error;
  }
}

/** What had changed of health by then was told with what the checks have found. */
async function withEarly({ health: _, ...early }: Outcome, outcome: Outcome): Promise<Outcome> {
  const { sumOf } = await import("../lib/reconcile/outcome.ts");
  const routine = outcome.routine && (early.routine || !early.changed);
  const blocked = [...new Set([...early.blocked, ...outcome.blocked])];
  return { ...sumOf(early, outcome), routine, blocked };
}

/** Nobody is looked after before something was applied. */
async function checkBackends(
  machine: Machine,
  configIn: (store: Store) => Promise<LoadedConfig | undefined>,
  isDue?: IsDue,
): Promise<readonly HealthChange[]> {
  if (machine.store.revisions.latestApplied() === undefined) return [];
  const { EVERYBODY, healthPass } = await import("../lib/reconcile/health/health.ts");
  const loaded = await configIn(machine.store);
  return loaded ? await healthPass(machine, loaded.config, isDue ?? EVERYBODY) : [];
}

/** Prints what a pass has to say, which is nothing as a rule. @returns the exit code */
function tell(outcome: Outcome, json = false): Promise<number> {
  return report(outcome, { json, planned: false, quiet: true });
}

/** For a pass that is about drains and what is on trial only. */
const NOBODY: IsDue = () => false;

/** Passes until the time is up. What one of them fails at, the next one tries again. */
async function goOn(
  places: Places,
  pass: Pass,
  { rhythm, json, lockTimeout_ms }: {
    readonly rhythm: Rhythm;
    readonly json: boolean;
    readonly lockTimeout_ms: number;
  },
): Promise<number> {
  const [{ runPasses }, { dueAfter }, { isToEnd, untilTold }] = await Promise.all([
    import("../lib/reconcile/rhythm.ts"),
    import("../lib/reconcile/health/health.ts"),
    import("./shared/machine.ts"),
  ]);
  const log = await PassLog.begin(places, json);
  const { every_ms } = rhythm;
  const runOne = (options: PassOptions) =>
    untilTold(async () => {
      try {
        const outcome = await pass(Math.min(lockTimeout_ms, every_ms), options);
        await log.tell(outcome ?? await nothingInForce(places));
        return true;
      } catch (error) {
        return await log.tellError(error);
      }
    });
  const onTime = async ({ isFirst, skipped }: { isFirst: boolean; skipped: number }) => {
    const isDue = isFirst ? undefined : dueAfter(context.clock.now_ms(), every_ms / 2);
    return await runOne({ isDue, skipped });
  };
  const wakes = {
    next_ms: () => nextWakeIn(places),
    // For drains and what is on trial: nobody is checked out of turn.
    act: async () => void await runOne({ isDue: NOBODY }),
  };
  const { untold, ...count } = await runPasses(context.clock, rhythm, onTime, { wakes, isToEnd });
  if (untold > 0) await recordSkipped(places, untold);
  return await log.end(count);
}

/** What a run of passes has to say: lines as it comes, or a document at the end. */
class PassLog {
  readonly #news: News;
  readonly #sum: OutcomeSum | undefined;
  #worst: number = EXIT_OK;
  #busy: LbError | undefined;

  private constructor(news: News, sum: OutcomeSum | undefined) {
    this.#news = news;
    this.#sum = sum;
  }

  static async begin(places: Places, json: boolean): Promise<PassLog> {
    const { OutcomeSum } = await import("../lib/reconcile/outcome.ts");
    const sum = json ? new OutcomeSum(await emptyOutcome()) : undefined;
    return new PassLog(await News.since(places), sum);
  }

  async tell(outcome: Outcome): Promise<void> {
    this.#sum?.add(outcome);
    this.#worst = Math.max(this.#worst, exitCodeOf(outcome));
    const isNew = await this.#news.isNew(outcome.blocked.join("\n"));
    if (!this.#sum) await tell(isNew ? outcome : { ...outcome, blocked: [] });
  }

  /** @returns whether it was a pass, though one that has failed */
  async tellError(error: unknown): Promise<boolean> {
    if (!(error instanceof LbError)) throw error;
    if (error.code === "busy") {
      // Whoever holds the lock does what there is to do.
      this.#busy = error;
      return false;
    }
    this.#worst = Math.max(this.#worst, EXIT_CODES[error.code]);
    if (await this.#news.isNew(error.message)) fail(error, false);
    return true;
  }

  /** @returns the exit code */
  async end(count: PassCount): Promise<number> {
    const isLockedOut = count.passes === 0 && this.#busy !== undefined;
    if (isLockedOut) await this.#tellBusy(this.#busy!);
    else if (this.#sum) await printSum(this.#sum.total(), count);
    if (!this.#sum) await this.#news.keep();
    return isLockedOut ? EXIT_CODES.busy : this.#worst;
  }

  async #tellBusy(busy: LbError): Promise<void> {
    const isNew = await this.#news.isNew(busy.message);
    if (this.#sum || isNew) fail(busy, this.#sum !== undefined);
  }
}

/** Of those that were left out after the last pass. Somebody else holds the lock, and this needs none. */
async function recordSkipped(places: Places, count: number): Promise<void> {
  if (!context.hasState(places)) return;
  try {
    const store = await context.openStore(places);
    try {
      store.passes.skip(count);
    } finally {
      store.close();
    }
  } catch (error) {
    // What is wrong with the state is told by the passes that need it.
    if (!(error instanceof LbError)) throw error;
  }
}

async function printSum(total: Outcome, count: PassCount): Promise<void> {
  const { outcomeJson } = await import("../lib/report/outcome.ts");
  printJson({ ...outcomeJson(total), ...count });
}

/** When something is due for drains or a trial; undefined also where the state cannot be read just now. */
async function nextWakeIn(places: Places): Promise<number | undefined> {
  try {
    const store = await context.readStore(places);
    try {
      const trial_ms = trialWake(store?.trials.open());
      if (!store || store.intents.isIdle()) return trial_ms;
      const { nextWake } = await import("../lib/reconcile/drain/drain.ts");
      return earliest(nextWake(store), trial_ms);
    } finally {
      store?.close();
    }
  } catch (error) {
    if (error instanceof LbError) return undefined;
    throw error;
  }
}

/** What could not be taken back on time waits for the next pass: who would be woken for it would be all the time. */
function trialWake(trial: Trial | undefined): number | undefined {
  const isMissed = trial && trial.until_ms < context.clock.now_ms() - MISSED_MS;
  return isMissed ? undefined : trial?.until_ms;
}

const MISSED_MS = 500;

function earliest(...times: readonly (number | undefined)[]): number | undefined {
  const known = times.filter((time) => time !== undefined);
  return known.length > 0 ? Math.min(...known) : undefined;
}

async function nothingInForce(places: Places): Promise<Outcome> {
  const { unrecordedRules } = await import("./shared/leftover.ts");
  return { ...await emptyOutcome(), blocked: await unrecordedRules(places) };
}

async function emptyOutcome(): Promise<Outcome> {
  return (await import("../lib/report/outcome.ts")).NOTHING_IN_FORCE;
}
