import type { LoadedConfig } from "../lib/config/load.ts";
import { EXIT_ATTENTION, LbError } from "../lib/model/error.ts";
import type { HealthChange } from "../lib/model/health.ts";
import type { Outcome } from "../lib/reconcile/outcome.ts";
import type { DrainProgress } from "../lib/report/drain.ts";
import { drainBar, drainLines, totals } from "../lib/report/drain.ts";
import { exitCodeOf } from "./change.ts";
import { context, type Places } from "./context.ts";
import { type DrainRun, lookAfterDrains } from "./drains.ts";
import { printJson, say, stderrPaint } from "./io.ts";

/** What is followed, and how it is told. */
export interface Follow {
  readonly service: string;
  readonly lockTimeout_ms: number;
  readonly json: boolean;
  /** What began the drains. */
  readonly outcome: Outcome;
}

/** How often is looked, and how often a line is printed where nobody watches. */
const LOOK_MS = 500;
const LINE_MS = 5_000;

/** Whoever ends first, the drain or its follower. */
interface Ending {
  readonly interrupted: boolean;
}

/**
 * Follows the drains of a service until none is under way, and ends them on time. A bar on a terminal, lines
 * elsewhere, both on stderr. Ctrl-C ends the following only.
 *
 * @returns the exit code: 1 where somebody stopped it
 */
export async function followDrains(places: Places, follow: Follow): Promise<number> {
  let isStopped = false;
  const release = context.holdSignals(() => isStopped = true);
  const load = appliedOnce();
  const screen = Deno.stderr.isTerminal() ? barScreen() : lineScreen(follow.service);
  let sum = follow.outcome;
  try {
    while (!isStopped) {
      const drains = await drainsOf(places, follow.service, load);
      if (drains.length === 0) break;
      screen.show(drains);
      await context.clock.sleep(Math.min(LOOK_MS, untilDue_ms(drains)));
      if (!isStopped && isDue(drains)) sum = await endThem(places, follow, sum);
    }
  } finally {
    screen.close();
    release();
  }
  return conclude(follow, sum, {
    interrupted: isStopped && await isGoingOn(places, follow.service, load),
  });
}

function conclude({ outcome, json }: Follow, sum: Outcome, { interrupted }: Ending): number {
  const begun = new Set<HealthChange>(outcome.health);
  const news = (sum.health ?? []).filter((change) => !begun.has(change));
  const paint = stderrPaint();
  if (json) printJson(sum);
  else for (const { message } of news) say(paint(`! ${message}`, "yellow"));
  if (!interrupted) return exitCodeOf(sum);
  say('The drain goes on: "lb reconcile" ends it at its deadline, "lb status" shows it.');
  return EXIT_ATTENTION;
}

/** A drain as it is now, and when it is due. */
interface Followed extends DrainProgress {
  readonly deadline_ms: number | null;
}

/** What is in force, parsed when it is another text than before. */
function appliedOnce(): Load {
  let known: LoadedConfig | undefined;
  return async (store) => {
    if (known?.text === store.revisions.latestApplied()?.config_text) return known;
    const { appliedConfig } = await import("./applied.ts");
    return known = await appliedConfig(store);
  };
}

type Load = NonNullable<DrainRun["load"]>;

async function drainsOf(places: Places, service: string, load: Load): Promise<Followed[]> {
  const store = await context.readStore(places);
  try {
    if (!store) return [];
    const { openDrains } = await import("../lib/reconcile/drain.ts");
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

function untilDue_ms(drains: readonly Followed[]): number {
  const now_ms = context.clock.now_ms();
  const times = drains.flatMap(({ deadline_ms }) => deadline_ms ?? []);
  return Math.max(20, Math.min(Infinity, ...times) - now_ms);
}

function isDue(drains: readonly Followed[]): boolean {
  const now_ms = context.clock.now_ms();
  return drains.some(({ deadline_ms, connections_left }) =>
    connections_left === 0 || deadline_ms !== null && deadline_ms <= now_ms
  );
}

/** With the lock, like any other run. Another one that holds it does the same. */
async function endThem(places: Places, { lockTimeout_ms }: Follow, sum: Outcome): Promise<Outcome> {
  const { withMachine } = await import("./machine.ts");
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
