import { LbError } from "../../model/error.ts";
import type { FilesPort, ProcessPort } from "../../sys/ports.ts";
import { cronLine, unitLine } from "./command_line.ts";
import { type Found, marked, whose } from "./mark.ts";

/** What can run `lb reconcile` by itself. */
export const TIMERS = ["cron", "systemd"] as const;
export type Timer = (typeof TIMERS)[number];

/** Where schedules are kept. */
export interface ScheduleFolders {
  /** @default "/etc/cron.d" */
  readonly cron: string;
  /** @default "/etc/systemd/system" */
  readonly units: string;
  /** There while systemd is the service manager (sd_booted(3)). @default "/run/systemd/system" */
  readonly systemd: string;
}

/** What a schedule is of, and what making it takes. */
export interface ScheduleHost {
  readonly files: FilesPort;
  readonly process: ProcessPort;
  readonly folders: ScheduleFolders;
  /** `lb reconcile` of this lb, with the places it works on. */
  readonly command: readonly string[];
  /** The state's folder: tells it from another lb's. */
  readonly state: string;
  /** @throws {LbError} `bug` where the build lacks it */
  readonly template: (name: string) => string;
}

const TEMPLATES: Readonly<Record<Timer, readonly string[]>> = {
  cron: ["lb.cron"],
  systemd: ["lb-restore.service", "lb-reconcile.service", "lb-reconcile.timer"],
};

/** Those that are begun by themselves: at a boot, and by the clock. */
const ENABLED = ["lb-restore.service", "lb-reconcile.timer"];

/** crontab(5) heeds no name with a dot in it there. */
const CRON_NAME = "lb";

/** A file of a schedule, as it should be and as it is. */
interface Part extends Found {
  readonly path: string;
  readonly text: string;
  readonly isRight: boolean;
}

/** Whether schedules of this kind can be had here. */
export function isPossible({ files, folders }: ScheduleHost, timer: Timer): boolean {
  return files.stat(timer === "cron" ? folders.cron : folders.systemd) !== undefined;
}

/** Where the files of a schedule are. */
export function pathsOf({ folders }: Pick<ScheduleHost, "folders">, timer: Timer): string[] {
  if (timer === "cron") return [`${folders.cron}/${CRON_NAME}`];
  return TEMPLATES.systemd.map((name) => `${folders.units}/${name}`);
}

/** Looks at a schedule's files. */
async function look(host: ScheduleHost, timer: Timer): Promise<Part[]> {
  const { files, command, state, template } = host;
  const line = timer === "cron" ? cronLine(command) : unitLine(command);
  const paths = pathsOf(host, timer);
  return await Promise.all(TEMPLATES[timer].map(async (name, index): Promise<Part> => {
    const text = await marked(template(name).replaceAll("@COMMAND@", () => line), state);
    const path = paths[index]!;
    const found = files.read(path);
    return { path, text, isRight: found === text, ...await whose(found, state) };
  }));
}

/** The kind of schedule that this lb has here; undefined where it has none. */
export async function present(host: ScheduleHost): Promise<Timer | undefined> {
  for (const timer of TIMERS) {
    const parts = await look(host, timer);
    if (parts.some(({ whose }) => whose === "ours" || whose === "edited")) return timer;
  }
  return undefined;
}

/** What stands in the way of a schedule: nothing that is not lb's is written over. */
export async function obstacles(host: ScheduleHost, timer: Timer): Promise<string[]> {
  const parts = await look(host, timer);
  return parts.flatMap((part) => why(part) ?? []);
}

function why({ path, whose, state, isRight }: Part): string | undefined {
  if (isRight) return undefined;
  switch (whose) {
    case "edited":
      return `${path} was edited since lb made it`;
    case "another":
      return `${path} is of another lb, with its state in ${state}`;
    case "foreign":
      return `${path} was not made by lb`;
    case "nobody":
    case "ours":
      return undefined;
  }
}

/**
 * Puts a schedule in place. What is there already is not written anew; systemd is told again whatever there is:
 * that files are right does not mean that it runs what they say.
 *
 * @returns whether anything was written
 * @throws {LbError} `not-permitted` where something is in its way, `kernel-refused` with what systemctl says
 */
export async function install(host: ScheduleHost, timer: Timer): Promise<boolean> {
  const blocked = await obstacles(host, timer);
  if (blocked.length > 0) {
    throw new LbError(
      "not-permitted",
      `${blocked.join("; ")}: move it away, or use --timer none; it was left as it is`,
    );
  }
  const wrong = (await look(host, timer)).filter(({ isRight }) => !isRight);
  for (const { path, text } of wrong) host.files.replace(path, text, 0o644);
  if (timer === "systemd") await begin(host, wrong.length > 0);
  return wrong.length > 0;
}

/** @param isNew what runs is still of what was there before */
async function begin(host: ScheduleHost, isNew: boolean): Promise<void> {
  await systemctl(host, "daemon-reload");
  await systemctl(host, "enable", ...ENABLED);
  await systemctl(host, isNew ? "restart" : "start", "lb-reconcile.timer");
}

/** What became of a removal. */
export interface Removal {
  readonly removed: readonly string[];
  /** What was left, each with why. */
  readonly left: readonly string[];
}

/** Takes a schedule of this lb away, and only that. @throws {LbError} `kernel-refused` with what systemctl says */
export async function remove(host: ScheduleHost, timer: Timer): Promise<Removal> {
  const parts = await look(host, timer);
  const ours = parts.filter(({ whose }) => whose === "ours");
  const left = parts.filter(({ whose }) => whose === "edited")
    .map(({ path }) => `${path} was edited since lb made it, and stays: remove it yourself`);
  const isManaged = timer === "systemd" && ours.length > 0 && isPossible(host, timer);
  // systemctl refuses to disable what is not there.
  const enabled = ENABLED.filter((name) => ours.some(({ path }) => path.endsWith(`/${name}`)));
  if (isManaged && enabled.length > 0) await systemctl(host, "disable", "--now", ...enabled);
  for (const { path } of ours) host.files.remove(path);
  if (isManaged) await systemctl(host, "daemon-reload");
  return { removed: ours.map(({ path }) => path), left };
}

async function systemctl({ process }: ScheduleHost, ...args: readonly string[]): Promise<void> {
  const { code, stderr } = await process.run(["systemctl", ...args]);
  if (code === 0) return;
  const command = ["systemctl", ...args].join(" ");
  throw new LbError("kernel-refused", `${command} failed: ${stderr.trim()}`);
}
