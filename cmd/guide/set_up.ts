import { EXIT_ATTENTION, EXIT_CODES, EXIT_OK, LbError } from "../../lib/model/error.ts";
import type { LoadedConfig } from "../../lib/config/load.ts";
import type { Outcome } from "../../lib/reconcile/outcome.ts";
import { applyConfig } from "../apply.ts";
import { exitCodeOf, report } from "../change/change.ts";
import { context, type Places } from "../context.ts";
import {
  draftConfig,
  isSaid,
  type Said,
  sampleText,
  serviceOf,
  type Tried,
  triedLine,
  tryBackends,
  writeFirst,
} from "./first_service.ts";
import { print, printJson, say, stderrPaint, stdoutPaint } from "../shared/io.ts";
import { setTimer, type TimerReport, type WantedTimer } from "../shared/timer.ts";

/** What `lb init` is asked for. */
export interface SetUpOptions extends Said {
  readonly json: boolean;
  readonly explain: boolean;
  /** Whether the config is applied then. */
  readonly apply: boolean;
  readonly timer: WantedTimer;
  readonly lockTimeout: number;
}

/** All that there is to tell of it. */
interface Done {
  /** Whether there was no config. */
  readonly written: boolean;
  readonly timer: TimerReport;
  readonly tried?: readonly Tried[];
  /** What came of applying. */
  readonly outcome?: Outcome;
}

/** `lb init` that asks nothing. @returns the exit code */
export async function setUp(places: Places, options: SetUpOptions): Promise<number> {
  const { timer, lockTimeout: lockTimeout_ms } = options;
  const draft = isSaid(options) ? await draftOf(places, options) : undefined;
  const tried = draft && await tryBackends(places, draft.config.services);
  const made = await make(places, { text: draft?.text ?? sampleText(), timer, lockTimeout_ms });
  const plan = false;
  const outcome = options.apply ? await applyConfig(places, { lockTimeout_ms, plan }) : undefined;
  return await tell(places, { ...made, tried, outcome }, options);
}

/** The same with questions on the terminal. Where they are broken off, nothing was written. */
export async function setUpAsking(places: Places, options: SetUpOptions): Promise<number> {
  const { guide } = await import("./guide.ts");
  const { lockTimeout: lockTimeout_ms } = options;
  const wanted = await guide(places, { ...options, said: options, lockTimeout_ms });
  if (!wanted) return EXIT_ATTENTION;
  const made = await make(places, { ...wanted, lockTimeout_ms });
  sayMade(places, made);
  const isLeft = made.timer.left.length > 0;
  if (!wanted.applies) {
    say(NEXT);
    return isLeft ? EXIT_ATTENTION : EXIT_OK;
  }
  const outcome = await applyConfig(places, { lockTimeout_ms, plan: false });
  const applied = await report(outcome, { json: false, planned: false });
  return isLeft ? EXIT_ATTENTION : applied;
}

const NEXT = 'Next: edit the config, then "lb apply --plan" and "lb apply".';

/** What flags ask for. @throws {LbError} where it is not valid here, or another config is in its place */
async function draftOf(places: Places, said: Said): Promise<LoadedConfig> {
  const draft = await draftConfig(places, serviceOf(said));
  const found = await context.peekConfig(places);
  if (found !== undefined && found !== draft.text) {
    throw new LbError(
      "usage",
      `${places.config} is there already and says something else: it is left as it is, and nothing was done. ` +
        'Edit it, or "lb scale" its backends',
    );
  }
  const [{ detect }, { selectAll }] = await Promise.all([
    import("../../lib/capability/detect.ts"),
    import("../../lib/reconcile/selection.ts"),
  ]);
  await selectAll(draft, await detect(context.kernel(places)));
  return draft;
}

/** What is to be there. */
interface ToMake {
  /** The config's text, where there is none. */
  readonly text: string;
  readonly timer: WantedTimer;
  readonly lockTimeout_ms: number;
}

async function make(
  places: Places,
  { text, timer, lockTimeout_ms }: ToMake,
): Promise<Pick<Done, "written" | "timer">> {
  const lock = await context.lock(places, lockTimeout_ms);
  try {
    (await context.openStore(places)).close();
    const written = writeFirst(places, text);
    return { written, timer: await setTimer(places, timer) };
  } finally {
    lock.release();
  }
}

async function tell(places: Places, done: Done, options: SetUpOptions): Promise<number> {
  const { diagnose } = await import("../shared/diagnose.ts");
  const { diagnosisJson, diagnosisText } = await import("../../lib/report/doctor.ts");
  const diagnosis = await diagnose(places);
  if (options.json) printJson({ ...diagnosisJson(diagnosis), ...await doneJson(places, done) });
  else {
    const told = options.explain ? diagnosis : { ...diagnosis, services: [] };
    print(diagnosisText(told, stdoutPaint()));
    for (const tried of done.tried ?? []) say(triedLine(tried, stderrPaint()));
    sayMade(places, done);
    if (!done.outcome) say(NEXT);
  }
  const applied = done.outcome ? await reportApplied(done.outcome, options.json) : EXIT_OK;
  if (applied !== EXIT_OK || done.timer.left.length > 0) return EXIT_ATTENTION;
  return diagnosis.engines.some(({ possible }) => possible) ? EXIT_OK : EXIT_CODES.unsupported;
}

/** Of a JSON document it is a part. */
async function reportApplied(outcome: Outcome, json: boolean): Promise<number> {
  return json ? exitCodeOf(outcome) : await report(outcome, { json, planned: false });
}

async function doneJson({ config, state }: Places, { written, timer, tried, outcome }: Done) {
  const { outcomeJson } = await import("../../lib/report/outcome.ts");
  return {
    config,
    config_written: written,
    state,
    timer,
    backends: tried ?? null,
    applied: outcome ? outcomeJson(outcome) : null,
  };
}

function sayMade({ config, state }: Places, { written, timer }: Done): void {
  say(written ? `\nWrote ${config}.` : `\n${config} is there already, left as it is.`);
  say(timerText(timer));
  say(`State is in ${state}.`);
}

/** Who runs `lb reconcile`, and what was done about that. */
function timerText({ kind, why, files, written, removed, left }: TimerReport): string {
  const what = kind === "none"
    ? `Nobody runs lb reconcile by itself (${why})`
    : `${kind} runs lb reconcile (${why}): ${files.join(", ")}${written ? ", written" : ""}`;
  const gone = removed.length > 0 ? [`Removed ${removed.join(", ")}.`] : [];
  return [`${what}.`, ...gone, ...left.map((line) => `attention: ${line}`)].join("\n");
}
