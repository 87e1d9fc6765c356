import type { LoadedConfig } from "../../lib/config/load.ts";
import { EXIT_ATTENTION, EXIT_OK, InForceError, LbError } from "../../lib/model/error.ts";
import type { HealthChange } from "../../lib/model/health.ts";
import type { Outcome } from "../../lib/reconcile/outcome.ts";
import type { Machine, ReconcileRequest } from "../../lib/reconcile/request.ts";
import { context, type Places } from "../context.ts";
import { deliveries, isTelling } from "./deliveries.ts";
import { print, printJson, say, stderrPaint, stdoutPaint } from "../shared/io.ts";

/** What to bring about. */
export interface Wanted {
  readonly loaded: LoadedConfig;
  /** For the record. */
  readonly command: string;
  /** Called with the lock still held where it did not come about. @throws what could not be undone, in sentences */
  readonly undo?: () => void;
  /** {@linkcode ReconcileRequest.held} */
  readonly held?: ReconcileRequest["held"];
  /** {@linkcode ReconcileRequest.intents} */
  readonly intents?: ReconcileRequest["intents"];
  /** {@linkcode ReconcileRequest.confirm_ms} */
  readonly confirm_ms?: number;
}

/** How a command that ends in `reconcile()` calls it. */
export interface ChangeRequest {
  readonly places: Places;
  readonly lockTimeout_ms: number;
  readonly dryRun: boolean;
  /** The config's text, where the target is no more than that. Called with the lock held. */
  readonly text?: (machine: Machine) => Promise<string | undefined>;
  /** Services may be moved to other engines, whatever the text: it alone does not tell. @default false */
  readonly isMove?: boolean;
  /** Where that text is; undefined where it is the revision that was applied last. */
  readonly file?: string;
  /** Looks after backends before anything is planned, with the lock held. @returns what has changed of them */
  readonly check?: (machine: Machine) => Promise<readonly HealthChange[]>;
  /** Called with the lock held. undefined: there is nothing to do. */
  readonly target: (machine: Machine, text: string | undefined) => Promise<Wanted | undefined>;
  /** Called with the lock held, after it came about. @returns what there is to report */
  readonly finish?: (machine: Machine, outcome: Outcome) => Outcome;
  /** The same where there was nothing to do, too; but not of what was only planned. */
  readonly after?: (machine: Machine, outcome: Outcome) => Promise<Outcome>;
}

/** The way of every command that changes the kernel: lock, state, config, the one path. */
export async function change(request: ChangeRequest): Promise<Outcome | undefined> {
  const { withMachine } = await import("../shared/machine.ts");
  const from_ms = context.clock.now_ms();
  let isTold = false;
  try {
    return await withMachine(request.places, request.lockTimeout_ms, async (machine) => {
      try {
        return await changeMachine(request, machine);
      } finally {
        isTold = !request.dryRun && isTelling(machine.store, context.clock.now_ms());
      }
    });
  } finally {
    // With the lock released: whoever is told may take his time.
    if (isTold) deliveries.begin(request.places, from_ms);
  }
}

async function changeMachine(
  request: ChangeRequest,
  machine: Machine,
): Promise<Outcome | undefined> {
  const outcome = await bringAbout(machine, request);
  if (!outcome || request.dryRun || !request.after) return outcome;
  const { after } = request;
  return await orSaid(outcome.health, () => orBlocked(outcome, () => after(machine, outcome)));
}

/**
 * What has come about already is told whatever fails after it: no later run tells of it again. That is one more
 * thing to look at.
 */
export async function orBlocked(
  outcome: Outcome,
  work: () => Promise<Outcome>,
): Promise<Outcome> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof LbError)) throw error;
    return { ...outcome, blocked: [...new Set([...outcome.blocked, error.message])] };
  }
}

/** What is on record by now is said where a run fails: no later one tells of it again. */
async function orSaid<T>(
  changes: readonly HealthChange[] = [],
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    for (const { message } of changes) say(`! ${message}`);
    throw error;
  }
}

async function bringAbout(machine: Machine, request: ChangeRequest): Promise<Outcome | undefined> {
  const text = await request.text?.(machine);
  const health = await request.check?.(machine) ?? [];
  return await orSaid(health, async () => {
    const outcome = await reconciled(machine, request, text);
    if (!outcome) return undefined;
    const told = await withHealth(outcome, health, machine);
    return request.finish?.(machine, told) ?? told;
  });
}

async function reconciled(
  machine: Machine,
  request: ChangeRequest,
  text: string | undefined,
): Promise<Outcome | undefined> {
  const isTold = text !== undefined && !request.isMove;
  const settled = isTold ? await settledOutcome(machine, text, request) : undefined;
  if (settled) return settled;
  const { reconcile } = await import("../../lib/reconcile/reconcile.ts");
  const wanted = await request.target(machine, text);
  if (!wanted) return undefined;
  const { loaded, command, undo, held, intents, confirm_ms } = wanted;
  const { dryRun, lockTimeout_ms: patience_ms } = request;
  try {
    const who = context.who();
    const how = { who, command, dryRun, patience_ms, held, intents, confirm_ms };
    return await reconcile(machine, { loaded, ...how });
  } catch (error) {
    throw error instanceof InForceError ? error : undone(error, undo);
  }
}

/** Most runs of cron end here: nothing has changed since there was nothing to do. */
async function settledOutcome(machine: Machine, text: string, { file, dryRun }: ChangeRequest) {
  const { settledOutcome } = await import("../../lib/reconcile/settled.ts");
  return await settledOutcome(machine, text, { file, dryRun });
}

/** Where nobody is checked there is nothing to tell, and nothing to load for it. */
async function withHealth(
  outcome: Outcome,
  changes: readonly HealthChange[],
  machine: Machine,
): Promise<Outcome> {
  if (changes.length === 0 && machine.store.health.isEmpty()) return outcome;
  const { withHealth } = await import("../../lib/reconcile/health/health.ts");
  return withHealth(outcome, changes, machine);
}

/** @returns the error, which says so where things could not be put back */
function undone(error: unknown, undo: (() => void) | undefined): unknown {
  try {
    undo?.();
    return error;
  } catch (cause) {
    const [first, second] = [error, cause].map((each) =>
      each instanceof Error ? each.message : String(each)
    );
    const code = error instanceof LbError ? error.code : "bug";
    return new LbError(code, `${first}\n${second}`, { cause: error });
  }
}

/** Prints what a run that had nothing to go by has to report, as JSON. */
export async function printNothing(): Promise<void> {
  const { NOTHING_IN_FORCE, outcomeJson } = await import("../../lib/report/outcome.ts");
  printJson(outcomeJson(NOTHING_IN_FORCE));
}

/** Prints what a run did, and returns the exit code for it. */
export async function report(
  outcome: Outcome,
  options: {
    readonly json: boolean;
    readonly planned: boolean;
    /** Tells only what is new, a line for each change. @default false */
    readonly quiet?: boolean;
  },
): Promise<number> {
  const { outcomeJson, outcomeText, passLines } = await import("../../lib/report/outcome.ts");
  const paint = stderrPaint();
  const { blocked, warnings, unwell = [] } = outcome;
  if (!options.quiet) {
    for (const warning of warnings) say(paint(`warning: ${warning}`, "yellow"));
  }
  // What was ill before is no news.
  for (const line of options.quiet ? blocked : [...blocked, ...toldBeside(outcome, unwell)]) {
    say(paint(`attention: ${line}`, "yellow"));
  }
  // A plan has it always, also where nothing changes.
  if (options.json) printJson(outcomeJson(options.planned ? { impact: [], ...outcome } : outcome));
  else if (!options.quiet) print(outcomeText(outcome, options.planned, stdoutPaint()));
  else printLines(passLines(outcome, stdoutPaint()));
  return options.planned ? EXIT_OK : exitCodeOf(outcome);
}

/** Where something has changed of health, that says it already. */
function toldBeside({ health = [] }: Outcome, unwell: readonly string[]): readonly string[] {
  return health.length > 0 ? [] : unwell;
}

function printLines(lines: readonly string[]): void {
  if (lines.length > 0) print(lines.join("\n"));
}

/** 0, or 1 where something needs attention. */
export function exitCodeOf({ drift, blocked, unwell = [] }: Outcome): number {
  return drift.length + blocked.length + unwell.length > 0 ? EXIT_ATTENTION : EXIT_OK;
}
