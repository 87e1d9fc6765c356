import { type Ended, type Machine, Stopped } from "../kernel/machine/machine.ts";
import { textOf } from "../kernel/machine/own.ts";
import { type Outcome, readOutcomes } from "./junit.ts";
import { count } from "./report.ts";
import type { Step } from "./suites.ts";

/** Bounds and manners of a step. */
export interface StepOptions {
  /** Its machine is ended after this. */
  readonly limit_ms: number;
  /** Ends the suite. */
  readonly signal: AbortSignal;
  /** Whether what it prints is shown. */
  readonly verbose: boolean;
}

/** Enough for a compiler's complaints, without the whole log of a suite that hung. */
const LOG_LINES_MAX = 120;

/** Runs one step on its machine. */
export async function runStep(
  machine: Machine,
  step: Step,
  options: StepOptions,
): Promise<Outcome[]> {
  const folder = await Deno.makeTempDir({ prefix: "lb-step-" });
  try {
    const ended = await attempt(machine, step, folder, options);
    const outcomes = step.reports ? asked(step, await readReport(folder)) : [];
    return judge(step, ended, outcomes).map((outcome) => ({ ...outcome, on: machine.name }));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Deno reports tests that were not asked for as skipped. */
function asked({ only }: Step, outcomes: readonly Outcome[]): Outcome[] {
  return outcomes.filter(({ name }) => only?.test(name) ?? true);
}

/** @returns how it ended, or why it came to no end */
async function attempt(
  machine: Machine,
  { args, reports, shows, env }: Step,
  folder: string,
  { limit_ms, signal, verbose }: StepOptions,
): Promise<Ended | Stopped> {
  const report = reports ? [`--junit-path=${folder}/junit.xml`] : [];
  const colourless = machine.name !== "own" || !Deno.stdout.isTerminal();
  try {
    return await machine.run({
      argv: [Deno.execPath(), ...args, ...report],
      folder,
      env: { ...env, ...colourless && { NO_COLOR: "1" } },
      timeout_ms: limit_ms,
      signal,
      watch: verbose || shows ? (bytes) => Deno.stdout.writeSync(bytes) : undefined,
    });
  } catch (error) {
    if (error instanceof Stopped) return error;
    throw error;
  }
}

function judge(step: Step, ended: Ended | Stopped, outcomes: readonly Outcome[]): Outcome[] {
  if (ended instanceof Stopped) return [...outcomes, failed(step.name, last(ended.message))];
  const isGood = ended.code === 0;
  if (isGood && !step.reports) return [{ name: step.name, result: "passed", failure: "" }];
  if (isGood && outcomes.length === 0) return [failed(step.name, "none of its tests was found")];
  if (isGood || count(outcomes, "failed") > 0) return [...outcomes];
  return [...outcomes, failed(step.name, `it failed as a whole:\n${last(textOf(ended))}`)];
}

/** A failure of something that is no single test. */
export function failed(name: string, failure: string): Outcome {
  return { name, result: "failed", failure };
}

function last(log: string): string {
  return log.split("\n").slice(-LOG_LINES_MAX).join("\n");
}

/** Nothing where it did not get so far. */
async function readReport(folder: string): Promise<Outcome[]> {
  try {
    return readOutcomes(await Deno.readTextFile(`${folder}/junit.xml`));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}
