import { EXIT_ATTENTION, LbError } from "../../lib/model/error.ts";
import type { HealthChange } from "../../lib/model/health.ts";
import type { IntentRow } from "../../lib/model/intent.ts";
import type { Fates } from "../../lib/reconcile/drain/fate.ts";
import type { Outcome } from "../../lib/reconcile/outcome.ts";
import type { DrainProgress } from "../../lib/report/drain.ts";
import { drainBar, drainLines, totals } from "../../lib/report/drain.ts";
import { exitCodeOf } from "../change/change.ts";
import { context, type Places } from "../context.ts";
import { type DrainRun, lookAfterDrains } from "../change/drains.ts";
import { appliedOnce } from "../shared/applied_once.ts";
import { printJson, say, stderrPaint } from "../shared/io.ts";

/** What is followed, and how it is told. */
export interface Follow {
  readonly service: string;
  /** The drains that were asked for, as they began. */
  readonly waited: readonly IntentRow[];
  readonly lockTimeout_ms: number;
  readonly json: boolean;
  /** What began the drains. */
  readonly outcome: Outcome;
}

/** How often is looked, and how often a line is printed where nobody watches. */
const LOOK_MS = 500;
const LINE_MS = 5_000;

/** A look may read a million connections: the pause after it is so many times as long as it took. */
const REST = 4;

/** A state that cannot be read for longer is not only busy. */
const UNREADABLE_MS_MAX = 10_000;

/** Shorter than anybody notices. */
const AT_ONCE_MS = 20;

/** Whoever ends first, the drain or its follower. */
interface Ending {
  readonly interrupted: boolean;
}

/**
 * Follows the drains of a service until none is under way, and ends them on time. A bar on a terminal, lines
 * elsewhere, both on stderr. Ctrl-C ends the following only.
 *
 * @returns the exit code: 1 where somebody stopped it, or called a drain off that was asked for
 */
export async function followDrains(places: Places, follow: Follow): Promise<number> {
  let isStopped = false;
  const release = context.holdSignals(() => isStopped = true);
  const load = appliedOnce();
  const screen = Deno.stderr.isTerminal() ? barScreen() : lineScreen(follow.service);
  let sum = follow.outcome;
  try {
    let tried_ms = -Infinity;
    while (!isStopped) {
      const begin_ms = context.clock.now_ms();
      const drains = await drainsOf(places, follow.service, load);
      if (drains.length === 0) break;
      screen.show(drains);
      const looked = { begin_ms, now_ms: context.clock.now_ms(), tried_ms };
      await rest(pause_ms(drains, looked), () => isStopped);
      const isTried = !isStopped && isDue(drains);
      tried_ms = isTried ? context.clock.now_ms() : -Infinity;
      if (isTried) sum = await endThem(places, follow, sum);
    }
  } finally {
    screen.close();
    release();
  }
  const interrupted = isStopped && await isGoingOn(places, follow.service, load);
  if (!interrupted) sum = await withFates(places, follow, sum, load);
  return await conclude(follow, sum, { interrupted });
}

/** That a drain is under way no more is not to say that it has come to its end. */
async function withFates(
  places: Places,
  follow: Follow,
  sum: Outcome,
  load: Load,
): Promise<Outcome> {
  const { isLeaving } = await fatesOf(places, follow, load);
  // Another run has ended it: with the lock that is over, or what stands in the way is said.
  if (isLeaving) sum = await endThem(places, follow, sum);
  const { calledOff } = await fatesOf(places, follow, load);
  return { ...sum, blocked: [...sum.blocked, ...calledOff] };
}

async function fatesOf(places: Places, { waited }: Follow, load: Load): Promise<Fates> {
  const store = await context.readStore(places);
  try {
    if (!store) return { calledOff: [GONE], isLeaving: false };
    const [{ drainFates }, loaded] = await Promise.all([
      import("../../lib/reconcile/drain/fate.ts"),
      load(store),
    ]);
    return drainFates(store, loaded?.config ?? { services: [] }, waited);
  } finally {
    store?.close();
  }
}

const GONE = "the state is gone: what has become of the drain is not known";

async function conclude(
  { outcome, json }: Follow,
  sum: Outcome,
  { interrupted }: Ending,
): Promise<number> {
  const begun = new Set<HealthChange>(outcome.health);
  const news = (sum.health ?? []).filter((change) => !begun.has(change));
  const lines = [
    ...news.map(({ message }) => `! ${message}`),
    ...sum.blocked.filter((line) => !outcome.blocked.includes(line))
      .map((line) => `attention: ${line}`),
  ];
  const paint = stderrPaint();
  if (json) printJson((await import("../../lib/report/outcome.ts")).outcomeJson(sum));
  else for (const line of lines) say(paint(line, "yellow"));
  if (!interrupted) return exitCodeOf(sum);
  say('The drain goes on: "lb reconcile" ends it at its deadline, "lb status" shows it.');
  return EXIT_ATTENTION;
}

/** A drain as it is now, and when it is due. */
interface Followed extends DrainProgress {
  readonly deadline_ms: number | null;
}

type Load = NonNullable<DrainRun["load"]>;

/** A state that cannot be read for a moment is no end of a drain. @throws {LbError} where it lasts */
async function drainsOf(places: Places, service: string, load: Load): Promise<Followed[]> {
  const end_ms = context.clock.now_ms() + UNREADABLE_MS_MAX;
  for (;;) {
    try {
      return await readDrains(places, service, load);
    } catch (error) {
      if (!(error instanceof LbError) || context.clock.now_ms() >= end_ms) throw error;
      await context.clock.sleep(LOOK_MS);
    }
  }
}

async function readDrains(places: Places, service: string, load: Load): Promise<Followed[]> {
  const store = await context.readStore(places);
  try {
    if (!store) return [];
    const { openDrains } = await import("../../lib/reconcile/drain/drain.ts");
    const loaded = await load(store);
    if (!loaded) return [];
    const host = context.hostIdentity();
    const open = openDrains({ kernel: context.kernel(places), store, host }, loaded.config);
    return open.filter((one) => one.service === service);
  } finally {
    store?.close();
  }
}

async function isGoingOn(places: Places, service: string, load: Load): Promise<boolean> {
  return (await drainsOf(places, service, load)).length > 0;
}

/** When a look began and ended, and when it was tried before it to end what is over; -Infinity where it was not. */
interface Looked {
  readonly begin_ms: number;
  readonly now_ms: number;
  readonly tried_ms: number;
}

/** Until the next look, but not after a deadline. What could not be ended just now is not tried at once again. Pure. */
export function pause_ms(
  drains: readonly Pick<Followed, "deadline_ms" | "connections_left">[],
  { begin_ms, now_ms, tried_ms }: Looked,
): number {
  const times = drains.map(({ deadline_ms, connections_left }) => {
    if (connections_left === 0 && tried_ms === -Infinity) return now_ms;
    return deadline_ms !== null && deadline_ms > tried_ms ? deadline_ms : Infinity;
  });
  const until_ms = Math.min(now_ms + Math.max(LOOK_MS, REST * (now_ms - begin_ms)), ...times);
  return Math.max(AT_ONCE_MS, until_ms - now_ms);
}

/** In pieces: whoever presses Ctrl-C does not wait for the end of it. */
async function rest(ms: number, isStopped: () => boolean): Promise<void> {
  const until_ms = context.clock.now_ms() + ms;
  while (!isStopped()) {
    const left_ms = until_ms - context.clock.now_ms();
    if (left_ms <= 0) return;
    await context.clock.sleep(Math.min(left_ms, LOOK_MS));
  }
}

function isDue(drains: readonly Followed[]): boolean {
  const now_ms = context.clock.now_ms();
  return drains.some(({ deadline_ms, connections_left }) =>
    connections_left === 0 || deadline_ms !== null && deadline_ms <= now_ms
  );
}

/** With the lock, like any other run. Another one that holds it does the same. */
async function endThem(places: Places, { lockTimeout_ms }: Follow, sum: Outcome): Promise<Outcome> {
  const { withMachine } = await import("../shared/machine.ts");
  try {
    return await withMachine(
      places,
      lockTimeout_ms,
      (machine) => lookAfterDrains(machine, sum, { places, lockTimeout_ms }),
    );
  } catch (error) {
    if (error instanceof LbError && error.code === "busy") return sum;
    throw error;
  }
}

/** Where progress is shown. */
interface Screen {
  show(drains: readonly DrainProgress[]): void;
  close(): void;
}

function barScreen(): Screen {
  let most = 0;
  const write = (text: string) => Deno.stderr.writeSync(new TextEncoder().encode(text));
  return {
    show(drains) {
      most = Math.max(most, totals(drains).connections);
      write(`\r${drainBar(drains, most)}\x1b[K`);
    },
    close: () => void write("\r\x1b[K"),
  };
}

function lineScreen(service: string): Screen {
  let last_ms = -Infinity;
  return {
    show(drains) {
      const now_ms = context.clock.now_ms();
      if (now_ms - last_ms < LINE_MS) return;
      last_ms = now_ms;
      for (const line of drainLines(service, drains)) say(line);
    },
    close() {},
  };
}
