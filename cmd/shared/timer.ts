import type { ScheduleHost, Timer } from "../../lib/host/schedule/schedule.ts";
import { LbError } from "../../lib/model/error.ts";
import { context, type Places } from "../context.ts";
import { DEFAULT_PLACES } from "./options.ts";

/** What runs `lb reconcile` by itself here, and why that. */
export interface TimerReport {
  readonly kind: Timer | "none";
  readonly why: string;
  readonly files: readonly string[];
  /** Whether any of them was written just now. */
  readonly written: boolean;
  readonly removed: readonly string[];
  /** What was left as it is though it should have gone. */
  readonly left: readonly string[];
}

const NOTHING = { files: [], written: false, removed: [], left: [] } as const;

/** What `--timer` can say. */
export type WantedTimer = Timer | "none" | "auto";

/** Brings about what `--timer` says. @throws {LbError} where that cannot be */
export async function setTimer(places: Places, wanted: WantedTimer): Promise<TimerReport> {
  const { install, pathsOf, TIMERS } = await import("../../lib/host/schedule/schedule.ts");
  const host = scheduleHost(places);
  const { kind, why } = wanted === "auto" ? await choose(host, places) : await asked(host, wanted);
  if (wanted === "auto" && kind === "none") return { ...NOTHING, kind, why };
  const others = TIMERS.filter((timer) => timer !== kind);
  // First what is to be is there: in between there are rather two than none.
  const written = kind !== "none" && await install(host, kind);
  const { removed, left } = await removeAll(host, others);
  return { kind, why, files: kind === "none" ? [] : pathsOf(host, kind), written, removed, left };
}

/** What could run this lb by itself, and what does where nobody says what. */
export async function offeredTimers(
  places: Places,
): Promise<{ readonly possible: readonly Timer[]; readonly usual: Choice }> {
  const { isPossible, TIMERS } = await import("../../lib/host/schedule/schedule.ts");
  const host = scheduleHost(places);
  const possible = TIMERS.filter((timer) => isPossible(host, timer));
  return { possible, usual: await choose(host, places) };
}

/** Takes away what runs this lb by itself. @returns what was left, each with why */
export async function removeTimers(places: Places): Promise<readonly string[]> {
  const { TIMERS } = await import("../../lib/host/schedule/schedule.ts");
  try {
    return (await removeAll(scheduleHost(places), TIMERS)).left;
  } catch (error) {
    // The rules are gone by now: that has to be told whatever systemctl says.
    if (error instanceof LbError) return [error.message];
    throw error;
  }
}

async function removeAll(host: ScheduleHost, timers: readonly Timer[]) {
  const { remove } = await import("../../lib/host/schedule/schedule.ts");
  const all: Awaited<ReturnType<typeof remove>>[] = [];
  for (const timer of timers) all.push(await remove(host, timer));
  return {
    removed: all.flatMap(({ removed }) => removed),
    left: all.flatMap(({ left }) => left),
  };
}

interface Choice {
  readonly kind: Timer | "none";
  readonly why: string;
}

async function asked(host: ScheduleHost, kind: Timer | "none"): Promise<Choice> {
  const { isPossible } = await import("../../lib/host/schedule/schedule.ts");
  if (kind === "none") return { kind, why: "as you said" };
  if (isPossible(host, kind)) {
    const elsewhere = isOwnNetwork() ? "" : `; ${kind} has to run in this network namespace, too`;
    return { kind, why: `as you said${elsewhere}` };
  }
  const { cron, systemd } = host.folders;
  throw new LbError(
    "unsupported",
    kind === "cron"
      ? `--timer cron: there is no ${cron}; is cron installed?`
      : `--timer systemd: systemd does not run here (there is no ${systemd})`,
  );
}

/** Where nobody says what: what is there stays, then what suits the machine. */
async function choose(host: ScheduleHost, places: Places): Promise<Choice> {
  const { isPossible, obstacles, present } = await import("../../lib/host/schedule/schedule.ts");
  const here = await present(host);
  const kind = here ?? (["systemd", "cron"] as const).find((timer) => isPossible(host, timer));
  if (!here && !isOwnNetwork()) {
    const why = "cron and systemd are in the machine's own network namespace, and this is another";
    return { kind: "none", why };
  }
  if (!here && !isUsual(places)) {
    const why = "this lb has places of its own: --timer cron, or systemd, asks for one";
    return { kind: "none", why };
  }
  if (!kind) return { kind: "none", why: "there is neither systemd nor cron here" };
  const blocked = await obstacles(host, kind);
  if (blocked.length > 0) return { kind: "none", why: `${blocked.join("; ")}: left as it is` };
  const word = kind === "systemd" ? "systemd runs here" : `there is ${host.folders.cron}`;
  return { kind, why: here ? "it was so before" : word };
}

/** Whether this is the network namespace in which the machine's programs are started. */
function isOwnNetwork(): boolean {
  const [ours, first] = ["self", "1"].map(networkOf);
  return ours !== undefined && ours === first;
}

function networkOf(pid: string): string | undefined {
  try {
    return context.files.readLink(`/proc/${pid}/ns/net`);
  } catch (error) {
    // In a container the first process may be none of ours (ptrace(2), access mode checks).
    if (error instanceof Deno.errors.PermissionDenied) return undefined;
    throw error;
  }
}

function isUsual(places: Places): boolean {
  const { config, state, runDir } = absolute(places);
  return config === DEFAULT_PLACES.config && state === DEFAULT_PLACES.state &&
    runDir === DEFAULT_PLACES.runDir;
}

function absolute({ config, state, runDir }: Places): Places {
  return { config: context.fullPath(config), state: context.fullPath(state), runDir };
}

function scheduleHost(places: Places): ScheduleHost {
  const { files, process } = context;
  return {
    files,
    process,
    folders: context.scheduleFolders(),
    command: [...context.installedCommand(), "reconcile", ...placeOptions(absolute(places))],
    state: absolute(places).state,
    template(name) {
      const text = files.read(`${context.home()}/templates/${name}`);
      if (text !== undefined) return text;
      throw new LbError("bug", `templates/${name} is missing from this build of lb`);
    },
  };
}

/** Of a cron job's environment nothing is known: what is not usual is in its line. */
function placeOptions({ config, state, runDir }: Places): string[] {
  return [
    ...(config === DEFAULT_PLACES.config ? [] : ["--config", config]),
    ...(state === DEFAULT_PLACES.state ? [] : ["--state", state]),
    ...(runDir === DEFAULT_PLACES.runDir ? [] : ["--run-dir", runDir]),
  ];
}
