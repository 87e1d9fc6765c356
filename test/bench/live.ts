import { parsePeak } from "./command.ts";
import type { Check } from "./check.ts";
import { parseProcessStat, processSeconds } from "./cpu.ts";
import { builtCommand, SOURCE } from "./lb.ts";
import type { Progress } from "./progress.ts";
import { BACKENDS_PER_SERVICE, configText } from "./services.ts";
import { buildSolo, type Solo } from "./solo.ts";
import { whileStanding } from "./standing.ts";
import { median } from "./statistics.ts";

/** Services of the screens that are measured: 20 rows of backends, and two thousand. */
const SIZES = [4, 400] as const;

/** What there is to see first: the head of the table of services. */
const FIRST_FRAME = "SERVICE";
const FIRST_FRAME_MS_MAX = 10_000;

/** What comes after the first frame is not what a screen costs that is watched. */
const SETTLE_MS = 3_000;
const WATCHED_MS = 12_000;

/** Of the namespaces; see `FORMS` of startup.ts. */
const SERIAL = 7;

/** The live screen of one lb over one config. */
export interface LiveResult {
  readonly form: "source" | "built";
  readonly backends: number;
  /** From the start of the process to the first frame with services in it, a start each. */
  readonly first_ms: readonly number[];
  /** Of a core, while nobody presses a key: the first frame not included. */
  readonly core_share: number;
  readonly peak_bytes: number;
}

const START_S = 1.5;

export function plannedSeconds(pairs: number): number {
  const forms = builtCommand() ? 2 : 1;
  return forms * SIZES.length * (pairs * START_S + (SETTLE_MS + WATCHED_MS) / 1000);
}

/** What the live screen of `lb status` costs, on a terminal of 80 columns and 24 rows. */
export async function measureLive(pairs: number, progress: Progress): Promise<LiveResult[]> {
  const cases = SIZES.flatMap((services) =>
    formsHere().map(([form, lb]) => ({ form, lb, services, pairs }))
  );
  return await whileStanding(await buildSolo(SERIAL), async (solo) => {
    const results: LiveResult[] = [];
    for (const one of cases) {
      results.push(await measureOne(solo, one));
      const { services, form } = one;
      progress.step(
        plannedSeconds(pairs) / cases.length,
        `live screen, ${services} services, ${form}`,
      );
    }
    return results;
  });
}

function formsHere(): [LiveResult["form"], readonly string[]][] {
  const built = builtCommand();
  return [["source", SOURCE], ...built ? [["built", built] as ["built", readonly string[]]] : []];
}

interface Case {
  readonly form: LiveResult["form"];
  readonly lb: readonly string[];
  readonly services: number;
  readonly pairs: number;
}

async function measureOne(solo: Solo, { form, lb, services, pairs }: Case): Promise<LiveResult> {
  await solo.forget();
  solo.writeConfig(configText(services));
  const [program = "", ...args] = solo.lb(lb, "apply");
  const { success, stderr } = await new Deno.Command(program, { args }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  const argv = solo.lb(lb, "status");
  const first_ms: number[] = [];
  for (let round = 0; round < pairs; round++) {
    const screen = new WatchedScreen(argv);
    first_ms.push(await screen.firstFrame_ms());
    await screen.quit();
  }
  return { form, backends: services * BACKENDS_PER_SERVICE, first_ms, ...await watch(argv) };
}

async function watch(argv: readonly string[]) {
  const screen = new WatchedScreen(argv);
  try {
    await screen.firstFrame_ms();
    await wait(SETTLE_MS);
    const pid = youngest(screen.pid);
    const [before_s, begin_ms] = [processSeconds([pid]), performance.now()];
    await wait(WATCHED_MS);
    const core_share = (processSeconds([pid]) - before_s) / (performance.now() - begin_ms) * 1000;
    return { core_share, peak_bytes: parsePeak(Deno.readTextFileSync(`/proc/${pid}/status`)) };
  } finally {
    await screen.quit();
  }
}

/** A program on a terminal that `script` gets it. */
class WatchedScreen {
  readonly #child: Deno.ChildProcess;
  readonly #began_ms = performance.now();
  readonly #seen = Promise.withResolvers<number>();
  readonly #read: Promise<void>;

  constructor(argv: readonly string[]) {
    const line = `stty columns 80 rows 24; exec ${argv.join(" ")}`;
    this.#child = new Deno.Command("script", {
      args: ["-qec", line, "/dev/null"],
      env: { LC_ALL: "C.UTF-8", TERM: "xterm-256color" },
      ...{ stdin: "piped", stdout: "piped", stderr: "null" },
    }).spawn();
    this.#read = this.#readAll();
  }

  get pid(): number {
    return this.#child.pid;
  }

  async firstFrame_ms(): Promise<number> {
    const late = setTimeout(
      () => this.#seen.reject(new Error("no first frame")),
      FIRST_FRAME_MS_MAX,
    );
    try {
      return await this.#seen.promise;
    } finally {
      clearTimeout(late);
    }
  }

  async quit(): Promise<void> {
    const keys = this.#child.stdin.getWriter();
    await keys.write(new TextEncoder().encode("q"));
    await this.#read;
    await this.#child.status;
    await keys.close().catch(() => {});
  }

  async #readAll(): Promise<void> {
    let text = "";
    for await (const piece of this.#child.stdout.pipeThrough(new TextDecoderStream())) {
      text = (text + piece).slice(-100_000);
      if (text.includes(FIRST_FRAME)) this.#seen.resolve(performance.now() - this.#began_ms);
    }
  }
}

/** The program itself: what `script` has started, and that, and so on. */
function youngest(pid: number): number {
  for (const { name } of Deno.readDirSync("/proc")) {
    if (!(Number(name) > pid) || parentOf(name) !== pid) continue;
    return youngest(Number(name));
  }
  return pid;
}

function parentOf(pid: string): number {
  try {
    return parseProcessStat(Deno.readTextFileSync(`/proc/${pid}/stat`)).parent;
  } catch {
    return 0;
  }
}

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

const MB = 1e6;

/** The goals of issue 7: of the executable, which users run, and of a checkout over a usual config. Pure. */
export function liveChecks(
  { form, backends, first_ms, core_share, peak_bytes }: LiveResult,
): Check[] {
  if (form === "source" && backends > 1_000) return [];
  const what = `the live screen of ${backends} backends (${form})`;
  const share_max = backends > 1_000 ? 0.1 : 0.03;
  const ms = median(first_ms);
  return [
    {
      what: `first frame of ${what}`,
      goal: "≤ 250 ms",
      measured: `${Math.round(ms)} ms`,
      ok: ms <= 250,
    },
    {
      what: `CPU of ${what}`,
      goal: `≤ ${share_max * 100} % of a core`,
      measured: `${(core_share * 100).toFixed(1)} %`,
      ok: core_share <= share_max,
    },
    {
      what: `peak memory of ${what}`,
      goal: "≤ 150 MB",
      measured: `${Math.round(peak_bytes / MB)} MB`,
      ok: peak_bytes <= 150 * MB,
    },
  ];
}
