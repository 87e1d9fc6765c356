import { type Machine, Unavailable } from "../kernel/machine/machine.ts";
import type { Outcome } from "./junit.ts";
import { MACHINES } from "./kernels.ts";
import type { Cell, Column } from "./matrix.ts";
import { Progress } from "./progress.ts";
import { count, failures, type SuiteResult } from "./report.ts";
import { failed, runStep, type StepOptions } from "./step.ts";
import type { Step, Suite } from "./suites.ts";

/** What a suite came to, file by file and kernel by kernel. */
export interface RunResult extends SuiteResult {
  readonly cells: readonly Cell[];
  readonly kernels: readonly Column[];
}

/** How a suite is run. */
export interface SuiteOptions {
  readonly verbose: boolean;
  /** All suites are run, which is to take less than 25 minutes: other kernels get what time there is. */
  readonly isWhole: boolean;
  /** Gets the failures of each step, when it has ended. */
  readonly tell: (lines: readonly string[]) => void;
}

/** After so long since the runner's start no guest is begun, and none runs longer than that. */
const GUESTS_UNTIL_MS = 14 * 60_000;
const GUEST_LIMIT_MS = 5 * 60_000;

/** One file that hangs leaves time for the others: several times the slowest. */
const FILE_LIMIT_MS = 15 * 60_000;

/** Runs a suite, step after step. */
export async function runSuite(
  suite: Suite,
  { verbose, isWhole, tell }: SuiteOptions,
): Promise<RunResult> {
  const start_ms = performance.now();
  const limit_ms = suite.on_kernels ? FILE_LIMIT_MS : suite.limit_ms;
  const limit = { limit_ms, signal: AbortSignal.timeout(suite.limit_ms) };
  const isShown = suite.on_kernels === true && !verbose && Deno.stderr.isTerminal();
  const progress = new Progress(isShown);
  const [cells, kernels]: [Cell[], Column[]] = [[], []];
  for (const machine of MACHINES) {
    const steps = suite.steps.filter(({ on }) => on === machine.name);
    if (steps.length === 0) continue;
    const found = await prepare(machine);
    kernels.push({ on: machine.name, release: found instanceof Unavailable ? "none" : found });
    for (const step of steps) {
      progress.say(`${cells.length + 1} of ${suite.steps.length}: ${step.name} on ${machine.name}`);
      const isGuest = isWhole && machine.name !== "own";
      const options = { ...limit, verbose, ...isGuest ? { limit_ms: GUEST_LIMIT_MS } : {} };
      const isLate = isGuest && performance.now() > GUESTS_UNTIL_MS;
      const able = isLate ? new Unavailable(lateReason(machine)) : found;
      const cell = await runCell(machine, step, able, options);
      progress.end();
      tell(failures(cell.outcomes));
      cells.push(cell);
    }
  }
  const missing = nothingRan(suite, cells);
  tell(failures(missing));
  const outcomes = [...cells.flatMap((cell) => cell.outcomes), ...missing];
  return { name: suite.name, outcomes, cells, kernels, seconds: secondsSince(start_ms) };
}

function lateReason({ name }: Machine): string {
  return `all suites together have 25 minutes; ./test/run.sh kernel --on ${name} takes its time`;
}

/** @returns the kernel's release, or why this machine cannot have it */
async function prepare(machine: Machine): Promise<string | Unavailable> {
  try {
    return await machine.prepare();
  } catch (error) {
    if (error instanceof Unavailable) return error;
    throw error;
  }
}

async function runCell(
  machine: Machine,
  step: Step,
  found: string | Unavailable,
  options: StepOptions,
): Promise<Cell> {
  const start_ms = performance.now();
  const outcomes = found instanceof Unavailable
    ? [skippedStep(step, found.message)]
    : await runStep(machine, step, options);
  const { name: file, on, only } = step;
  return { file, on, isPart: only !== undefined, outcomes, seconds: secondsSince(start_ms) };
}

function skippedStep({ name, on }: Step, reason: string): Outcome {
  return { name: `${name} (skipped: ${reason})`, result: "skipped", failure: "", on };
}

function nothingRan({ name }: Suite, cells: readonly Cell[]): Outcome[] {
  const outcomes = cells.flatMap((cell) => cell.outcomes);
  if (count(outcomes, "passed") + count(outcomes, "failed") > 0) return [];
  return [failed(name, "no test ran: a suite that tests nothing is no suite")];
}

function secondsSince(start_ms: number): number {
  return (performance.now() - start_ms) / 1000;
}
