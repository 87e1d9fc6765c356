/** Debian packages as trees of files: unpacked, not installed, and kept for the next time. */
import { type Ended, Unavailable } from "./machine.ts";
import { runHere, textOf } from "./own.ts";

/** What to get, and what to do with it once. */
export interface Wanted {
  readonly name: string;
  readonly packages: readonly string[];
  /** A package to be got with all that it needs and that is not installed here. */
  readonly program?: string;
  /** Done in the unpacked tree before it counts as there. */
  readonly finish?: (tree: string) => Promise<void>;
}

/**
 * Gets packages of this machine's own Debian, and unpacks them, where it was not done before.
 *
 * @returns the folder they are in, below `$XDG_CACHE_HOME/lb-test`: deleting that gets newer ones
 * @throws {Unavailable}
 */
export async function image(wanted: Wanted): Promise<string> {
  // A guest reads this machine's files as root does there, whom some of them belong to.
  if (Deno.uid() !== 0) throw new Unavailable("not root");
  if (Deno.build.arch !== "x86_64") throw new Unavailable(`not for ${Deno.build.arch}`);
  const tree = `${cacheFolder()}/${wanted.name}`;
  if (await isThere(tree)) return tree;
  const making = `${tree}.${Deno.pid}.new`;
  console.error(`Fetching ${wanted.name} from Debian into ${tree}, once`);
  try {
    await Deno.mkdir(`${making}/tree`, { recursive: true });
    await download(wanted, `${making}/archives`);
    for await (const { name } of Deno.readDir(`${making}/archives`)) {
      if (!name.endsWith(".deb")) continue;
      await must("dpkg-deb", "--extract", `${making}/archives/${name}`, `${making}/tree`);
    }
    await wanted.finish?.(`${making}/tree`);
    // Another run may have been faster: its tree is as good.
    if (!await isThere(tree)) await Deno.rename(`${making}/tree`, tree);
  } finally {
    await Deno.remove(making, { recursive: true }).catch(() => {});
  }
  return tree;
}

/** Enough for a slow line, and an end for one that hangs. */
const STEP_MS = 5 * 60_000;

/** Runs a program. @throws {Unavailable} with its words where it fails or is not there */
export async function must(...argv: readonly [string, ...string[]]): Promise<string> {
  const { code, ...said } = await attempt(argv);
  if (code !== 0) throw new Unavailable(`${argv[0]}: ${errorOf(textOf(said))}`);
  return said.stdout;
}

async function attempt(argv: readonly [string, ...string[]]): Promise<Ended> {
  try {
    const env = { LC_ALL: "C", DEBIAN_FRONTEND: "noninteractive" };
    return await runHere({ argv, env }, AbortSignal.timeout(STEP_MS));
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    return { code: 127, stdout: "", stderr: "not on this machine" };
  }
}

/** Of what apt says, the error: warnings come first. */
function errorOf(text: string): string {
  const lines = text.trim().split("\n");
  return lines.find((line) => line.startsWith("E:")) ?? lines.at(-1) ?? "";
}

/** A machine that has just been made has no lists of packages yet. */
async function download(wanted: Wanted, archives: string): Promise<void> {
  await Deno.mkdir(`${archives}/partial`, { recursive: true });
  try {
    await downloadOnce(wanted, archives);
  } catch (error) {
    if (!(error instanceof Unavailable)) throw error;
    await must("apt-get", "-q", "update");
    await downloadOnce(wanted, archives);
  }
}

/** Root's own: apt would give up its rights, and then not get into our folders. */
const APT = ["-q", "-y", "-o", "APT::Sandbox::User=root", "-o", "Acquire::Retries=3"];

async function downloadOnce({ packages, program }: Wanted, archives: string): Promise<void> {
  const into = ["-o", `Dir::Cache::archives=${archives}`, "-o", "Debug::NoLocking=true"];
  const get = ["install", "--download-only", "--reinstall", "--no-install-recommends"];
  if (program) await must("apt-get", ...APT, ...into, ...get, program);
  const names = await Promise.all(packages.map(real));
  await must("env", "-C", archives, "apt-get", ...APT, "download", ...names);
}

/** linux-image-amd64 is empty: it stands for the newest kernel, by needing it. */
async function real(name: string): Promise<string> {
  const listing = await must("apt-cache", "depends", "--no-recommends", "--no-suggests", name);
  return /Depends: (linux-image-\S+)/.exec(listing)?.[1] ?? name;
}

function cacheFolder(): string {
  const cache = Deno.env.get("XDG_CACHE_HOME") || `${Deno.env.get("HOME") ?? "/root"}/.cache`;
  return `${cache}/lb-test`;
}

async function isThere(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}
