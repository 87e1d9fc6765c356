import assert from "node:assert/strict";
import { type Machine, names } from "./machine.ts";
import {
  fileName,
  half,
  publish,
  putInPlace,
  type Server,
  standIn,
  standInHash,
  withServer,
} from "./release.ts";
import { everyWay, installByUrl, onMachine, piped, versionOf, type Way, WAYS } from "./way.ts";

const OLD = "0.1.0";
const NEW = "0.2.0";
const REACH_MAX_MS = 10_000;
const POLL_MS = 20;

/** A place in the install at which it can be stopped. */
interface Moment {
  readonly name: string;
  /** Which lb must be there when it is killed. */
  readonly leaves: string;
  /** Makes it stop there, and gives what tells that it has. */
  readonly arrange: (setup: Setup) => () => boolean;
}

interface Setup {
  readonly machine: Machine;
  readonly server: Server;
  /** Environment of the install. */
  readonly env: Record<string, string>;
}

function atRequest(file: string, answer: () => Response | Promise<Response>): Moment["arrange"] {
  return ({ server }) => {
    server.files.set(file, answer);
    return () => server.asked.includes(file);
  };
}

function never(): Promise<Response> {
  return new Promise(() => {});
}

/** A program before the real one on PATH that marks that it was reached, and waits. */
function atProgram(program: string, when: "before" | "after"): Moment["arrange"] {
  return ({ machine, env }) => {
    const folder = `${machine.folder}/stop`;
    const mark = `${machine.folder}/reached`;
    Deno.mkdirSync(folder);
    const real = when === "after" ? `/usr/bin/${program} "$@"\n` : "";
    const text = `#!/bin/sh\n${real}echo >${mark}\nexec sleep 30\n`;
    Deno.writeTextFileSync(`${folder}/${program}`, text, { mode: 0o755 });
    env.PATH = `${folder}:${env.PATH}`;
    return () => names(machine.folder).includes("reached");
  };
}

function atFirstStart({ machine, env }: Setup): () => boolean {
  env.LB_TEST_STOP = `${machine.folder}/reached`;
  return () => names(machine.folder).includes("reached");
}

const LB = fileName(NEW);

const MOMENTS: readonly Moment[] = [
  { name: "asking for the version", leaves: OLD, arrange: atRequest("VERSION", never) },
  { name: "asking for the sums", leaves: OLD, arrange: atRequest("SHA256SUMS", never) },
  {
    name: "half-way through the download",
    leaves: OLD,
    arrange: atRequest(LB, () => half(standIn(NEW), "hang")),
  },
  { name: "starting the new lb", leaves: OLD, arrange: atFirstStart },
  { name: "syncing", leaves: OLD, arrange: atProgram("sync", "before") },
  { name: "before the rename", leaves: OLD, arrange: atProgram("mv", "before") },
  { name: "after the rename", leaves: NEW, arrange: atProgram("mv", "after") },
];

async function until(reached: () => boolean, what: string): Promise<void> {
  const end_ms = performance.now() + REACH_MAX_MS;
  while (!reached()) {
    assert.ok(performance.now() < end_ms, `never came to ${what}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/** Starts an install as the leader of a process group. */
function start(machine: Machine, way: Way, url: string, more: Record<string, string> = {}) {
  const [[program, ...args], env] = piped(machine, way, url, { before: ["/usr/bin/setsid"] });
  return new Deno.Command(program, {
    args,
    env: { ...machine.env, ...env, ...more },
    clearEnv: true,
    cwd: "/",
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
}

/** Ends all that the install started, as a power cut would. */
async function killAll(child: Deno.ChildProcess): Promise<void> {
  await new Deno.Command("kill", { args: ["-9", "--", `-${child.pid}`], stderr: "null" }).output();
  await child.status;
}

/** The next install makes everything good. */
async function assertMends(machine: Machine, way: Way, url: string): Promise<void> {
  const { code, err } = await installByUrl(machine, way, url);
  assert.equal(code, 0, err);
  assert.equal(await versionOf(machine), NEW);
  assert.deepEqual(names(`${machine.folder}/usr/bin`), ["lb"]);
  assert.deepEqual(names(machine.cache), [standInHash(NEW)]);
}

async function killedAt(moment: Moment, machine: Machine, way: Way): Promise<void> {
  await withServer(async (server) => {
    await publish(server, NEW);
    putInPlace(machine, OLD);
    const env = { PATH: piped(machine, way, server.url)[1].PATH ?? "" };
    const reached = moment.arrange({ machine, server, env });
    const child = start(machine, way, server.url, env);
    try {
      await until(reached, moment.name);
    } finally {
      await killAll(child);
    }
    assert.equal(await versionOf(machine), moment.leaves);
    await publish(server, NEW);
    await assertMends(machine, way, server.url);
  });
}

for (const moment of MOMENTS) {
  Deno.test(
    `killed ${moment.name}: lb ${moment.leaves} works, and the next install does`,
    () => everyWay((machine, way) => killedAt(moment, machine, way)),
  );
}

Deno.test("killed at any time, the old or the new lb works, never half of one", () =>
  withServer(async (server) => {
    const KILLS = 12;
    const SPREAD_MS = 900;
    await publish(server, NEW);
    await everyWay(async (machine, way) => {
      for (let i = 1; i <= KILLS; i++) {
        putInPlace(machine, OLD);
        const child = start(machine, way, server.url);
        await new Promise((resolve) => setTimeout(resolve, i * SPREAD_MS / KILLS));
        await killAll(child);
        assert.ok([OLD, NEW].includes(await versionOf(machine)));
      }
      await assertMends(machine, way, server.url);
    });
  }));

const EXIT_CODES = { SIGTERM: 143, SIGHUP: 129, SIGKILL: 137 } as const;

for (const signal of ["SIGTERM", "SIGHUP", "SIGKILL"] as const) {
  Deno.test(
    `${signal} to install.sh alone ends its download, too`,
    () => everyWay((machine, way) => signalled(signal, machine, way)),
  );
}

async function signalled(
  signal: keyof typeof EXIT_CODES,
  machine: Machine,
  way: Way,
): Promise<void> {
  await withServer(async (server) => {
    await publish(server, NEW);
    putInPlace(machine, OLD);
    let gone = false;
    server.files.set(LB, () => half(standIn(NEW), "hang", () => gone = true));
    const child = start(machine, way, server.url, { LB_TIMEOUT: "600" });
    try {
      await until(() => server.asked.includes(LB), "the download");
      // The name of its file ends with the process id of the shell that runs install.sh.
      Deno.kill(Number(partOf(machine)!.split(".").at(-1)), signal);
      await until(() => gone, "the end of the download");
      assert.equal((await child.status).code, EXIT_CODES[signal]);
    } finally {
      await killAll(child);
    }
    if (signal !== "SIGKILL") assert.equal(partOf(machine), undefined);
    assert.equal(await versionOf(machine), OLD);
  });
}

function partOf(machine: Machine): string | undefined {
  return names(`${machine.folder}/usr/bin`).find((name) => name.startsWith("lb.new."));
}

Deno.test("installs at once, of two versions, all succeed and leave one whole lb", () =>
  onMachine((machine) =>
    withServer((one) =>
      withServer(async (other) => {
        await publish(one, OLD);
        await publish(other, NEW);
        const runs = [one, other, one, other].flatMap(({ url }) =>
          WAYS.map((way) => installByUrl(machine, way, url))
        );
        for (const { code, err } of await Promise.all(runs)) assert.equal(code, 0, err);
        const version = await versionOf(machine);
        assert.ok([OLD, NEW].includes(version));
        assert.deepEqual(Deno.readFileSync(machine.bin), standIn(version));
        assert.deepEqual(names(`${machine.folder}/usr/bin`), ["lb"]);
        await assertMends(machine, WAYS[0]!, other.url);
      })
    )
  ));
