import { process } from "../../lib/sys/process.ts";
import { cpuTimes } from "./cpu.ts";
import { LB } from "./lb.ts";
import type { ProgramName, Programs } from "./programs.ts";

/** What the bench ran on: a name and a value a line. */
export type Machine = Readonly<Record<string, string>>;

const LOOK_MS = 1_000;
/** More than this before anything is measured is somebody else's work. */
const BUSY_MAX = 0.1;

/** How each program says its version. */
const VERSIONS: Readonly<Record<ProgramName, readonly [string, RegExp]>> = {
  wrk: ["-v", /wrk\s+(\S+)/],
  curl: ["--version", /curl (\S+)/],
  nginx: ["-v", /nginx\/(\S+)/],
  haproxy: ["-v", /version (\S+)/],
  nftlb: ["--help", /Version (\S+)/],
  conntrack: ["--version", /v(\S+)/],
  snmpd: ["--version", /version:\s+(\S+)/],
  dnsmasq: ["--version", /version (\S+)/],
  openssl: ["version", /OpenSSL (\S+)/],
  // Debian's tells none.
  cron: ["-h", /usage: (\S+)/],
};

/** Looks at the machine, and for a second at how busy it is. */
export async function describeMachine(programs: Programs | undefined): Promise<Machine> {
  const busy = await busyShare();
  const warning = busy > BUSY_MAX
    ? ": too busy with other work for these figures to mean much"
    : "";
  return {
    date: new Date().toISOString().slice(0, 10),
    kernel: Deno.osRelease(),
    processor: `${cpuModel()}, ${navigator.hardwareConcurrency} cores, ${memoryText()}${virtual()}`,
    "busy before": `${Math.round(busy * 100)} %${warning}`,
    nft: await firstMatch(["nft", "--version"], /v(\S+)/),
    lb: `${await firstMatch([...LB, "--version"], /(.*)/)}, revision ${await revision()}`,
    deno: Deno.version.deno,
    ...programs && await versions(programs),
  };
}

async function busyShare(): Promise<number> {
  const before = cpuTimes();
  await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  const after = cpuTimes();
  const [busy_s, idle_s] = [after.busy_s - before.busy_s, after.idle_s - before.idle_s];
  return busy_s / (busy_s + idle_s);
}

/** Of the programs that this run has looked for, by name. */
export async function versions(programs: Pick<Programs, "names" | "argv">): Promise<Machine> {
  const found: Record<string, string> = {};
  for (const name of programs.names) {
    const [flag, pattern] = VERSIONS[name];
    found[name] = await firstMatch([...programs.argv(name), flag], pattern);
  }
  return found;
}

function cpuModel(): string {
  return /^model name\s*:\s*(.*)$/m.exec(Deno.readTextFileSync("/proc/cpuinfo"))?.[1] ??
    Deno.build.arch;
}

function virtual(): string {
  const flags = /^flags\s*:.*$/m.exec(Deno.readTextFileSync("/proc/cpuinfo"))?.[0] ?? "";
  return flags.includes(" hypervisor") ? ", virtual machine" : "";
}

function memoryText(): string {
  return `${Math.round(Deno.systemMemoryInfo().total / 2 ** 30)} GiB`;
}

async function revision(): Promise<string> {
  const git = (...words: string[]) =>
    process.run(["git", "-C", new URL("../..", import.meta.url).pathname, ...words]);
  const { code, stdout } = await git("rev-parse", "--short", "HEAD");
  if (code !== 0) return "unknown";
  const changed = (await git("status", "--porcelain", "--", "main.ts", "cmd", "lib")).stdout;
  return stdout.trim() + (changed ? " with changes" : "");
}

async function firstMatch(argv: readonly string[], pattern: RegExp): Promise<string> {
  const { stdout, stderr } = await process.run(argv as [string, ...string[]]);
  return pattern.exec(stdout + stderr)?.[1] ?? "unknown";
}
