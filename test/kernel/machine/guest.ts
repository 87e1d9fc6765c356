/** What guests share, however their kernel runs: how they start, get their job, and end. */
import { archive, file, folder, loadOrder } from "./initramfs.ts";
import { type Ended, type Job, ROOT, Stopped } from "./machine.ts";
import { textOf } from "./own.ts";
import { tools, toolsEnv } from "./tools.ts";

/** What one kind of guest needs to start. */
export interface Guest {
  /** A busybox that needs no libraries. */
  readonly busybox: string;
  /** Where the modules of its kernel are, on this machine. */
  readonly module_folder: string;
  /** The options its kernel was built with, as it would be found in /boot. */
  readonly kernel_config?: string;
  /** Modules that lead to the machine's files. */
  readonly modules: readonly string[];
  /** Options of mount(8) that lead to `/`, and to the folder of the job. */
  readonly mounts: Readonly<Record<"machine" | "job", readonly string[]>>;
  readonly env?: Readonly<Record<string, string>>;
  /** How many times as long everything may take there. @default 1 */
  readonly patience?: number;
  /** The program that is the guest. @param initramfs where it is @param own a folder for what it needs while it runs */
  command(initramfs: string, own: string): readonly [string, ...string[]];
}

/**
 * Of the environment here, what holds there as well. Not $LB: an executable's cache is written to by what runs of it
 * here, and V8 ends by a panic over compiled code that was read in the middle of that.
 */
const ENV = ["PATH", "HOME", "DENO_DIR"];

/** Enough for the last words of a kernel. */
const CONSOLE_LINES_MAX = 60;

/** Starts a guest for one job. @throws {Stopped} */
export async function runGuest(guest: Guest, job: Job): Promise<Ended> {
  const own = await Deno.makeTempDir({ dir: job.folder, prefix: "guest-" });
  try {
    await Deno.writeFile(`${own}/initramfs`, await initramfs(guest, job.folder, own));
    await Deno.writeTextFile(`${own}/command`, script(guest, job, await tools()));
    const said = await start(guest.command(`${own}/initramfs`, own), guest.env, job);
    return await harvest(job, own, said);
  } finally {
    await Deno.remove(own, { recursive: true });
  }
}

async function initramfs(guest: Guest, shared: string, own: string): Promise<Uint8Array> {
  const dep = await Deno.readTextFile(`${guest.module_folder}/modules.dep`);
  const paths = loadOrder(dep, guest.modules);
  const name = (path: string) => path.slice(path.lastIndexOf("/") + 1);
  const read = (path: string) => Deno.readFile(path);
  const settings = assignments({
    modules: paths.map(name).join(" "),
    machine_files: guest.mounts.machine.join(" "),
    job_files: guest.mounts.job.join(" "),
    module_folder: guest.module_folder,
    kernel_config: guest.kernel_config ?? "",
    shared,
    folder: own,
    inside: new URL("inside.sh", import.meta.url).pathname,
  });
  return archive([
    ...["bin", "modules", "machine", "memory", "new"].map(folder),
    file("init", await read(new URL("init.sh", import.meta.url).pathname)),
    file("settings", new TextEncoder().encode(settings)),
    file("bin/busybox", await read(guest.busybox)),
    ...await Promise.all(
      paths.map(async (path) =>
        file(`modules/${name(path)}`, await read(`${guest.module_folder}/${path}`))
      ),
    ),
  ]);
}

/** The job as a shell reads it. @param programs the folder of those that are not installed here */
function script({ patience = 1 }: Guest, { argv, env }: Job, programs: string): string {
  const inherited = ENV.flatMap((name) => {
    const value = Deno.env.get(name);
    return value === undefined ? [] : [[name, value] as const];
  });
  const known = Object.fromEntries(inherited);
  const found = toolsEnv(programs, known["PATH"] ?? "/usr/sbin:/usr/bin:/sbin:/bin");
  const all = { ...known, ...found, LB_TEST_PATIENCE: `${patience}`, ...env };
  const words = Object.entries(all).map(([name, value]) => `${name}=${value}`);
  return `cd ${quoted(ROOT)} && exec env -i ${[...words, ...argv].map(quoted).join(" ")}\n`;
}

function assignments(values: Readonly<Record<string, string>>): string {
  return Object.entries(values).map(([name, value]) => `${name}=${quoted(value)}\n`).join("");
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}

/**
 * Dies with us, and takes with it all that it started: User Mode Linux is a tree of processes. None of
 * them may be the first of the namespace, who cannot abort: a kernel that panics would go on for ever.
 */
const WITH_US = [
  // Our own kernel's tests may run beside it, and some of those watch the time.
  ...[
    "--pdeathsig",
    "KILL",
    "nice",
    "-n",
    "10",
    "unshare",
    "--pid",
    "--fork",
    "--kill-child",
    "--",
  ],
  ...["sh", "-c", 'ulimit -c 0; "$@"; exit', "sh"],
];

/** @returns what the guest's console said, until it ended */
async function start(
  argv: readonly string[],
  env: Guest["env"],
  { timeout_ms, signal }: Job,
): Promise<string> {
  const child = new Deno.Command("setpriv", {
    args: [...WITH_US, ...argv],
    env,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const kill = () => child.kill("SIGKILL");
  const timer = setTimeout(kill, timeout_ms);
  signal?.addEventListener("abort", kill);
  if (signal?.aborted) kill();
  try {
    const { stdout, stderr } = await child.output();
    const text = new TextDecoder();
    return textOf({ stdout: text.decode(stdout), stderr: text.decode(stderr) });
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", kill);
  }
}

async function harvest({ watch }: Job, folder: string, at_console: string): Promise<Ended> {
  const [stdout, stderr, code] = await Promise.all(
    ["stdout", "stderr", "code"].map((name) => readIfThere(`${folder}/${name}`)),
  );
  const said = { stdout: stdout ?? "", stderr: stderr ?? "" };
  watch?.(new TextEncoder().encode(textOf(said)));
  if (code) return { code: Number(code), ...said };
  const last = at_console.trimEnd().split("\n").slice(-CONSOLE_LINES_MAX).join("\n");
  throw new Stopped(
    `the machine stopped before the program had ended. The program:\n${textOf(said)}\n` +
      `The console:\n${last}`,
  );
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
