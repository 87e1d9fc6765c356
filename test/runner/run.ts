import { type Machine, Unavailable } from "../kernel/machine/machine.ts";
import type { Outcome } from "./junit.ts";
import { MACHINES } from "./kernels.ts";
import type { Cell, Column } from "./matrix.ts";
import { Progress } from "./progress.ts";
import { count, failures, type SuiteResult } from "./report.ts";
import { recovered, secondTries } from "./second_try.ts";
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
const GUESTS_UNTIL_MS = 17 * 60_000;
const GUEST_LIMIT_MS = 5 * 60_000;

/** One file that hangs leaves time for the others: several times the slowest. */
const FILE_LIMIT_MS = 15 * 60_000;

/**
 * Machines that are looked after one after the other; the lanes beside each other. Tests of our own kernel
 * wait for packets and time-outs more than they compute, and guests get what processor they leave.
 */
const LANES: readonly (readonly Machine["name"][])[] = [["own"], ["uml", "qemu"]];

/** Runs a suite: in each lane step after step. */
export async function runSuite(suite: Suite, options: SuiteOptions): Promise<RunResult> {
  const start_ms = performance.now();
  const isShown = suite.on_kernels === true && !options.verbose && Deno.stderr.isTerminal();
  const progress = new Progress(isShown);
  const signal = AbortSignal.timeout(suite.limit_ms);
  const lanes = LANES.map((names) => MACHINES.filter(({ name }) => names.includes(name)));
  const parts = (await Promise.all(lanes.map(async (lane) => {
    const done: Part[] = [];
    for (const machine of lane) {
      const part = await runOn(machine, suite, { ...options, signal, progress });
      if (part) done.push(part);
    }
    return done;
  }))).flat();
  const first = parts.flatMap((part) => part.cells);
  const again = options.isWhole && suite.on_kernels ? secondTries(first) : [];
  const cells = await replaced(first, again, suite, { ...options, signal });
  const missing = nothingRan(suite, cells);
  options.tell(failures(missing));
  return {
    name: suite.name,
    outcomes: [...cells.flatMap((cell) => cell.outcomes), ...missing],
    cells,
    kernels: parts.map(({ kernel }) => kernel),
    seconds: secondsSince(start_ms),
  };
}

/** The cells with those of a second try in their places: one after the other, with nothing beside. */
async function replaced(
  cells: readonly Cell[],
  again: readonly Cell[],
  { steps }: Suite,
  { verbose, signal, tell }: SuiteOptions & { readonly signal: AbortSignal },
): Promise<Cell[]> {
  const done = new Map<Cell, Cell>();
  for (const before of again) {
    const machine = MACHINES.find(({ name }) => name === before.on)!;
    const step = steps.find(({ name, on }) => name === before.file && on === before.on)!;
    const found = await prepare(machine);
    const after = await runCell(machine, step, found, {
      limit_ms: GUEST_LIMIT_MS,
      signal,
      verbose,
    });
    tell([...recovered(before.outcomes, after.outcomes), ...failures(after.outcomes)]);
    done.set(before, after);
  }
  return cells.map((cell) => done.get(cell) ?? cell);
}

/** What one machine's steps came to. */
interface Part {
  readonly kernel: Column;
  readonly cells: readonly Cell[];
}

/** @returns undefined where the suite has nothing for this machine */
async function runOn(
  machine: Machine,
  suite: Suite,
  { verbose, isWhole, tell, signal, progress }: SuiteOptions & {
    readonly signal: AbortSignal;
    readonly progress: Progress;
  },
): Promise<Part | undefined> {
  const steps = suite.steps.filter(({ on }) => on === machine.name);
  if (steps.length === 0) return undefined;
  const limit_ms = suite.on_kernels ? FILE_LIMIT_MS : suite.limit_ms;
  const isGuest = isWhole && machine.name !== "own";
  const found = await prepare(machine);
  const runOne = async (step: Step): Promise<Cell> => {
    const options = { limit_ms: isGuest ? GUEST_LIMIT_MS : limit_ms, signal, verbose };
    const isLate = isGuest && performance.now() > GUESTS_UNTIL_MS;
    const able = isLate ? new Unavailable(lateReason(machine)) : found;
    const cell = await runCell(machine, step, able, options);
    tell(failures(cell.outcomes));
    return cell;
  };
  const beside = (async () => {
    const done: Cell[] = [];
    for (const step of steps.filter((step) => step.beside)) done.push(await runOne(step));
    return done;
  })();
  const cells: Cell[] = [];
  for (const [index, step] of steps.filter((step) => !step.beside).entries()) {
    progress.say(`${machine.name}: ${index + 1} of ${steps.length}, ${step.name}`);
    const cell = await runOne(step);
    progress.end();
    cells.push(cell);
  }
  cells.push(...await beside);
  const release = found instanceof Unavailable ? "none" : found;
  return { kernel: { on: machine.name, release }, cells };
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
