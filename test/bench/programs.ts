import { mustRun } from "../../lib/demo/namespace.ts";
import { process } from "../../lib/sys/process.ts";

/** What the bench and tests use that a machine may lack. */
export type ProgramName =
  | "wrk"
  | "curl"
  | "nginx"
  | "haproxy"
  | "nftlb"
  | "conntrack"
  | "snmpd"
  | "dnsmasq"
  | "openssl"
  | "cron";

interface Source {
  readonly packages: readonly string[];
  /** Must be there too for the installed program to be of use. */
  readonly file?: string;
}

/** From Debian. */
const SOURCES: Readonly<Record<ProgramName, Source>> = {
  wrk: { packages: ["wrk"] },
  curl: { packages: ["curl"] },
  nginx: {
    packages: ["nginx-light", "libnginx-mod-stream"],
    file: "/usr/lib/nginx/modules/ngx_stream_module.so",
  },
  haproxy: { packages: ["haproxy"] },
  nftlb: { packages: ["nftlb"] },
  conntrack: { packages: ["conntrack"] },
  snmpd: { packages: ["snmpd"] },
  dnsmasq: { packages: ["dnsmasq-base"] },
  openssl: { packages: ["openssl"] },
  cron: { packages: ["cron"] },
};

const APT_TIMEOUT_MS = 180_000;
const FOLDERS = ["usr/sbin", "usr/bin", "sbin", "bin"];

/** Where programs are that can be run here, and why the others cannot. */
export interface Programs {
  /** Those that were looked for and can be run. */
  readonly names: readonly ProgramName[];
  /** Start of an argument list. @throws {Error} why it is not there */
  argv(name: ProgramName): readonly [string, ...string[]];
  /** Why it cannot be run; undefined where it can. */
  missing(name: ProgramName): string | undefined;
  /** A folder below which the program's package lies: "" where it is installed. */
  root(name: ProgramName): string;
}

/**
 * Finds the programs, and unpacks the Debian packages of those that are not there into a cache of ours.
 * Nothing is installed: no daemon starts now or at the next boot, and no file of the system changes.
 */
export async function findPrograms(names: readonly ProgramName[]): Promise<Programs> {
  const reasons = new Map<ProgramName, string>();
  const roots = new Map<ProgramName, string>();
  for (const name of names) {
    try {
      roots.set(name, await isInstalled(name) ? "" : await unpacked(name));
    } catch (error) {
      reasons.set(name, `no ${name}: ${error instanceof Error ? error.message : error}`);
    }
  }
  return {
    names: [...roots.keys()],
    argv(name) {
      const root = roots.get(name);
      if (root === undefined) throw new Error(reasons.get(name) ?? `nobody looked for ${name}`);
      return root === "" ? [name] : ["env", libraryPath(root), programBelow(root, name)!];
    },
    missing: (name) => reasons.get(name),
    root: (name) => roots.get(name) ?? "",
  };
}

async function isInstalled(name: ProgramName): Promise<boolean> {
  const { file } = SOURCES[name];
  if (file && !exists(file)) return false;
  return (await process.run(["which", name])).code === 0;
}

/** The same place as test/run.sh has for what it fetches. */
function cacheFolder(): string {
  const home = Deno.env.get("HOME") ?? "/root";
  const cache = Deno.env.get("XDG_CACHE_HOME") ?? `${home}/.cache`;
  return `${Deno.env.get("LB_BUILD_CACHE") ?? `${cache}/lb-build`}/bench`;
}

/** @throws {Error} apt's own words, where the packages cannot be had */
async function unpacked(name: ProgramName): Promise<string> {
  const root = `${cacheFolder()}/${name}`;
  if (programBelow(root, name)) return root;
  console.error(`Unpacking from Debian: ${SOURCES[name].packages.join(" ")} (into ${root})`);
  const made = `${root}.${Deno.pid}.new`;
  try {
    await download(SOURCES[name].packages, `${made}/archives`);
    for (const { name: file } of Deno.readDirSync(`${made}/archives`)) {
      if (!file.endsWith(".deb")) continue;
      await mustRun(process, ["dpkg-deb", "-x", `${made}/archives/${file}`, made]);
    }
    await Deno.remove(`${made}/archives`, { recursive: true });
    await Deno.rename(made, root);
  } finally {
    await Deno.remove(made, { recursive: true }).catch(() => {});
  }
  if (!programBelow(root, name)) throw new Error("its packages do not hold it");
  return root;
}

/** With all they depend on that is not installed. */
async function download(packages: readonly string[], folder: string): Promise<void> {
  await Deno.mkdir(`${folder}/partial`, { recursive: true });
  const argv = [
    ...["apt-get", "-q", "-y", "--no-install-recommends", "--download-only"],
    ...["-o", `Dir::Cache::archives=${folder}`, "-o", "DPkg::Lock::Timeout=60"],
    ...["install", ...packages],
  ] as [string, ...string[]];
  const options = { timeout_ms: APT_TIMEOUT_MS };
  if ((await process.run(argv, options)).code === 0) return;
  // A machine that has never asked knows no packages.
  await process.run(["apt-get", "-q", "update"], options);
  await mustRun(process, argv, options);
}

function programBelow(root: string, name: string): string | undefined {
  return FOLDERS.map((folder) => `${root}/${folder}/${name}`).find(exists);
}

function libraryPath(root: string): string {
  const below = (folder: string) =>
    exists(folder) ? [...Deno.readDirSync(folder)].map((entry) => `${folder}/${entry.name}`) : [];
  const folders = [...below(`${root}/usr/lib`), ...below(`${root}/lib`)]
    .filter((path) => path.endsWith("-linux-gnu"));
  return `LD_LIBRARY_PATH=${folders.join(":")}`;
}

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}
