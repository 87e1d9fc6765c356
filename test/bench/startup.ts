import { process } from "../../lib/sys/process.ts";
import { type Cost, measureCommand } from "./command.ts";
import { builtCommand, SOURCE } from "./lb.ts";
import { abbaRounds } from "./order.ts";
import type { Progress } from "./progress.ts";
import { configText } from "./services.ts";
import { buildSolo, type Solo } from "./solo.ts";
import { whileStanding } from "./standing.ts";

/** Services in the config that there is nothing to do for. */
export const STARTUP_SERVICES = 10;

const COMMANDS: readonly (readonly string[])[] = [
  ["--version"],
  ["reconcile"],
  ["status", "--json"],
];

/** How much of lb is in memory already. */
type Warmth = "warm" | "cold" | "unpacked first";

export interface StartupResult {
  /** `lb --version` */
  readonly command: string;
  readonly form: "source" | "built";
  readonly warmth: Warmth;
  readonly costs: readonly Cost[];
}

/** One kind of start, ready to be measured again and again. */
interface Start extends Omit<StartupResult, "costs"> {
  readonly argv: readonly string[];
  /** What makes it as cold as it should be. */
  readonly prepare: () => Promise<void>;
  readonly env?: Readonly<Record<string, string>>;
}

/** Each in a namespace of its own. */
const FORMS = [
  { form: "source", lb: SOURCE, serial: 2 },
  { form: "built", lb: builtCommand(), serial: 3 },
] as const;

const PLANNED_S = 0.6;

export function plannedSeconds(pairs: number): number {
  const forms = builtCommand() ? 2 : 1;
  return forms * COMMANDS.length * 2 * pairs * PLANNED_S;
}

/** How long it takes until lb has done nothing: what cron pays every minute. */
export function measureStartup(pairs: number, progress: Progress): Promise<StartupResult[]> {
  return withStarts(FORMS, [], (starts) => measureAll(starts, pairs, progress));
}

/** Adds the starts of one form after the other: each needs its namespace as long as all are measured. */
async function withStarts<R>(
  [first, ...rest]: readonly (typeof FORMS)[number][],
  starts: readonly Start[],
  work: (starts: readonly Start[]) => Promise<R>,
): Promise<R> {
  if (!first) return await work(starts);
  const { form, lb, serial } = first;
  if (!lb) return await withStarts(rest, starts, work);
  return await whileStanding(await buildSolo(serial), async (solo) => {
    solo.writeConfig(configText(STARTUP_SERVICES));
    await measureCommand(solo.lb(lb, "apply"));
    return await withStarts(rest, [...starts, ...startsOf(form, lb, solo)], work);
  });
}

async function measureAll(
  starts: readonly Start[],
  pairs: number,
  progress: Progress,
): Promise<StartupResult[]> {
  const costs = new Map(starts.map((start) => [start, [] as Cost[]]));
  for (const [round, order] of abbaRounds(starts, pairs).entries()) {
    for (const start of order) {
      await start.prepare();
      costs.get(start)!.push(await measureCommand(start.argv, start.env));
    }
    const planned_s = plannedSeconds(pairs) / pairs;
    progress.step(planned_s, `startup ${round + 1}/${pairs}`);
  }
  return starts.map((start) => ({
    command: start.command,
    form: start.form,
    warmth: start.warmth,
    costs: costs.get(start)!,
  }));
}

function startsOf(form: "source" | "built", lb: readonly string[], solo: Solo): Start[] {
  const starts = COMMANDS.flatMap((words): Start[] => {
    const command = `lb ${words.join(" ")}`;
    const argv = words[0] === "--version" ? [...lb, ...words] : solo.lb(lb, ...words);
    return [
      { command, form, warmth: "warm", argv, prepare: () => measureCommand(argv).then(() => {}) },
      { command, form, warmth: "cold", argv, prepare: dropCaches },
    ];
  });
  if (form === "source") return starts;
  const folder = solo.path("unpacked");
  const first: Start = {
    command: "lb --version",
    form,
    warmth: "unpacked first",
    argv: [...lb, "--version"],
    env: { LB_CACHE: folder },
    prepare: () => process.run(["rm", "-rf", "--", folder]).then(() => {}),
  };
  return [...starts, first];
}

/** Forgets every file that is not being changed, as after a boot: slower for all, but harmless. */
async function dropCaches(): Promise<void> {
  await process.run(["sync"]);
  Deno.writeTextFileSync("/proc/sys/vm/drop_caches", "3");
}
