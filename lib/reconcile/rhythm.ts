import type { ClockPort } from "../sys/ports.ts";

/** How often passes come, and for how long. */
export interface Rhythm {
  readonly every_ms: number;
  readonly for_ms: number;
}

/** What became of the passes there was time for. */
export interface PassCount {
  readonly passes: number;
  /** Left out, because the one before was still under way, or another run was. */
  readonly skipped: number;
}

/** The same, for who keeps count. */
export interface PassTally extends PassCount {
  /** How many of those left out came after the last pass: no pass was told of them. */
  readonly untold: number;
}

/** What cannot wait for the next pass: deadlines. */
export interface Wakes {
  /** When something is due; undefined where nothing is. It may change at any time. Milliseconds since 1970. */
  next_ms(): Promise<number | undefined>;
  act(): Promise<void>;
}

/** So often is asked what is due: somebody may have begun a drain just now. */
const LOOK_MS = 1_000;

/** What could not be done is tried again after so long. */
const AGAIN_MS = 500;

/** What there is beside the passes. */
interface Beside {
  readonly wakes: Wakes;
  /** Whether somebody has asked for the end of it meanwhile. */
  readonly isToEnd: () => boolean;
}

const NOTHING: Beside = {
  wakes: { next_ms: () => Promise.resolve(undefined), act: () => Promise.resolve() },
  isToEnd: () => false,
};

/** A run of passes under way. */
interface Course extends Beside {
  readonly clock: ClockPort;
}

/**
 * Runs passes one after the other, each at its time: what comes too late for one is left out, not made up for.
 * Begins none once the time is up. Between them, and until the next run's first could be, it wakes for what
 * is due.
 *
 * @param pass is told how many were left out since the last that was not. @returns whether it was one
 */
export async function runPasses(
  clock: ClockPort,
  { every_ms, for_ms }: Rhythm,
  pass: (at: { readonly isFirst: boolean; readonly skipped: number }) => Promise<boolean>,
  beside: Partial<Beside> = {},
): Promise<PassTally> {
  const course: Course = { ...NOTHING, ...beside, clock };
  const begin_ms = clock.now_ms();
  const elapsed = () => clock.now_ms() - begin_ms;
  let [passes, skipped, untold] = [0, 0, 0];
  let [turn, took_ms] = [0, 0];
  while (turn * every_ms <= for_ms) {
    await sleepUntil(course, begin_ms + turn * every_ms);
    await awaitDeadline(course, Math.min(took_ms, every_ms));
    if (course.isToEnd()) break;
    const from_ms = clock.now_ms();
    const isPass = await pass({ isFirst: passes === 0, skipped: untold });
    if (isPass) [passes, untold, took_ms] = [passes + 1, 0, clock.now_ms() - from_ms];
    const next = Math.max(turn + 1, Math.ceil(elapsed() / every_ms));
    const late = Math.min(next, Math.floor(for_ms / every_ms) + 1) - turn - 1 + (isPass ? 0 : 1);
    skipped += late;
    untold += late;
    turn = next;
  }
  await stay(course, begin_ms + for_ms, begin_ms + turn * every_ms);
  return { passes, skipped, untold };
}

/**
 * Nothing else is done while a pass checks backends: where something is due before it would be over, it begins
 * with that.
 *
 * @param pass_ms how long a pass takes
 */
async function awaitDeadline(course: Course, pass_ms: number): Promise<void> {
  const due_ms = await course.wakes.next_ms() ?? Infinity;
  if (due_ms <= course.clock.now_ms() + pass_ms) await sleepUntil(course, due_ms);
}

/** After the last pass: nobody else minds what is due before the next run's first. */
async function stay(course: Course, end_ms: number, next_run_ms: number): Promise<void> {
  const due_ms = await course.wakes.next_ms();
  if (due_ms === undefined || due_ms > next_run_ms) return;
  await sleepUntil(course, Math.max(due_ms, end_ms));
  await actOnDue(course);
}

/** However late the clock woke us. */
async function actOnDue({ clock, wakes, isToEnd }: Course): Promise<void> {
  if (isToEnd()) return;
  if ((await wakes.next_ms() ?? Infinity) <= clock.now_ms()) await wakes.act();
}

async function sleepUntil({ clock, wakes, isToEnd }: Course, until_ms: number): Promise<void> {
  while (!isToEnd()) {
    const due_ms = await wakes.next_ms() ?? Infinity;
    const isDue = due_ms <= clock.now_ms();
    if (isDue && clock.now_ms() < until_ms) await wakes.act();
    const left_ms = until_ms - clock.now_ms();
    if (left_ms <= 0 || isToEnd()) return;
    const wait_ms = isDue ? AGAIN_MS : Math.max(1, due_ms - clock.now_ms());
    await clock.sleep(Math.min(left_ms, wait_ms, LOOK_MS));
  }
}
