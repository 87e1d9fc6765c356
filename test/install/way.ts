/** Test equipment: the ways in which a piped install.sh may be run. */
import assert from "node:assert/strict";
import { type Ended, type Machine, makeMachine } from "./machine.ts";

const INSTALL = new URL("../../install.sh", import.meta.url).pathname;

/** A shell and the programs it finds: one way in which install.sh may be run. */
export interface Way {
  readonly name: string;
  readonly shell: readonly [string, ...string[]];
  /** Names of programs beside those that every machine has. */
  readonly programs: readonly string[];
}

const BUSYBOX = "/usr/bin/busybox";

const ALL: readonly Way[] = [
  { name: "curl", shell: ["/bin/dash"], programs: ["curl", "sha256sum"] },
  { name: "wget", shell: ["/bin/bash"], programs: ["wget", "sha256sum"] },
  { name: "busybox", shell: [BUSYBOX, "sh"], programs: [] },
];

/** Each downloader there is here with another shell; the last has nothing but busybox. */
export const WAYS = ALL.filter(({ name }) => exists(`/usr/bin/${name}`));

/** What install.sh and lb use, beside what they choose from. */
const PROGRAMS = "cat chmod cp cut dirname find grep gzip head id ls mkdir mktemp mv readlink rm " +
  "rmdir sed sh sleep sync tail tar uname wc";

/** A folder for PATH with only these programs. */
export function pathFor(machine: Machine, { name, programs }: Way): string {
  const folder = `${machine.folder}/path/${name}`;
  Deno.mkdirSync(folder, { recursive: true });
  if (name === "busybox") {
    new Deno.Command(BUSYBOX, { args: ["--install", "-s", folder] }).outputSync();
    return folder;
  }
  for (const program of [...PROGRAMS.split(" "), ...programs]) {
    const place = ["/usr/bin", "/bin"].map((bin) => `${bin}/${program}`).find(exists);
    if (place) Deno.symlinkSync(place, `${folder}/${program}`);
  }
  return folder;
}

function exists(path: string): boolean {
  try {
    return Deno.lstatSync(path) !== undefined;
  } catch {
    return false;
  }
}

export interface Piped {
  readonly args?: readonly string[];
  readonly env?: Record<string, string>;
  /** Argument list that what follows is appended to, such as one that makes a namespace. */
  readonly before?: readonly string[];
}

/** The command line of `cat install.sh | sh -s -- --prefix …`, and its environment. */
export function piped(
  machine: Machine,
  way: Way,
  url: string,
  { args = [], env = {}, before = [] }: Piped = {},
): [argv: [string, ...string[]], env: Record<string, string>] {
  const shell = [...way.shell, "-s", "--", "--prefix", `${machine.folder}/usr`, ...args];
  const line = [
    "/usr/bin/env",
    ...before,
    "/bin/sh",
    "-c",
    'cat "$0" | exec "$@"',
    INSTALL,
  ] as const;
  return [[...line, ...shell], { PATH: pathOf(machine, way), LB_BASE_URL: url, ...env }];
}

function pathOf(machine: Machine, way: Way): string {
  const folder = `${machine.folder}/path/${way.name}`;
  return exists(folder) ? folder : pathFor(machine, way);
}

export function installByUrl(
  machine: Machine,
  way: Way,
  url: string,
  more: Piped = {},
): Promise<Ended> {
  return machine.run(...piped(machine, way, url, more));
}

/** Runs `work` on a machine that is removed afterwards. */
export async function onMachine(work: (machine: Machine) => Promise<void>): Promise<void> {
  const machine = makeMachine();
  try {
    await work(machine);
  } finally {
    machine.remove();
  }
}

/** Runs `work` on a machine of its own for every way, all at once. */
export async function everyWay(
  work: (machine: Machine, way: Way) => Promise<void>,
): Promise<void> {
  const all = WAYS.map((way) => onMachine((machine) => work(machine, way)));
  for (const [index, ended] of (await Promise.allSettled(all)).entries()) {
    if (ended.status === "fulfilled") continue;
    const cause: unknown = ended.reason;
    const message = cause instanceof Error ? cause.message : cause;
    throw new Error(`by ${WAYS[index]?.name}: ${message}`, { cause });
  }
}

/** What the installed lb says its version is. */
export async function versionOf(machine: Machine): Promise<string> {
  const { code, out, err } = await machine.run([machine.bin, "--version"]);
  assert.equal(code, 0, err);
  return /^lb (\S+) /.exec(out)?.[1] ?? out;
}
