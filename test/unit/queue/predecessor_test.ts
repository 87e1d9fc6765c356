import assert from "node:assert/strict";
import { leaveEstate, Predecessor } from "../../../lib/queue/predecessor.ts";
import type { HeldSocket, HeldSocketsPort } from "../../../lib/sys/ports.ts";
import { FakeFiles } from "../../fake/files.ts";
import { FakeClock } from "../../fake/kernel.ts";

const RUN = "/run/lb-test";

const SOCKET = { fd: 21, name: "socket:[4711]" } as HeldSocket;

/** Test equipment: a supervisor 7 and its worker 8 that hold queue 3, and signals that were sent. */
function machine() {
  const files = new FakeFiles();
  const clock = new FakeClock();
  const signals: string[] = [];
  const asked: string[] = [];
  const alive = (pid: number) =>
    files.replace(`/proc/${pid}/cmdline`, `lb\0queue\0--run-dir\0${RUN}\0`);
  for (const pid of [7, 8]) alive(pid);
  leaveEstate({ files, runDir: RUN }, { supervisor: 7, worker: 8 }, new Map([[3, SOCKET]]));
  let deaf = false;
  const die = (pid: number) => files.remove(`/proc/${pid}/cmdline`);
  const ports = {
    ...{ files, clock, runDir: RUN },
    heldSockets: {
      take(pid: number, fd: number, name: string) {
        asked.push(`${pid} ${fd} ${name}`);
        return pid === 8 ? SOCKET : undefined;
      },
    } as HeldSocketsPort,
    daemons: {
      signal(pid: number, signal: string) {
        signals.push(`${signal} ${pid}`);
        // A supervisor that hears ends its worker, too.
        if (signal === "SIGKILL") die(pid);
        else if (!deaf) [7, 8].forEach(die);
      },
    },
  };
  return { ports, files, signals, asked, die, turnDeaf: () => deaf = true };
}

Deno.test("sockets are taken from whichever of the two processes gives them", () => {
  const { ports, asked } = machine();
  assert.deepEqual(new Predecessor(ports).takeSockets(), [[3, SOCKET]]);
  assert.deepEqual(asked, ["7 21 socket:[4711]", "8 21 socket:[4711]"]);
});

Deno.test("nothing is taken from a process that is no worker, and none of those is ended", async () => {
  const { ports, files, asked, signals } = machine();
  for (const pid of [7, 8]) files.replace(`/proc/${pid}/cmdline`, "sshd\0");
  const predecessor = new Predecessor(ports);
  assert.deepEqual([predecessor.pids, predecessor.takeSockets()], [[], []]);
  await predecessor.end();
  assert.deepEqual([asked, signals], [[], []]);
});

Deno.test("a supervisor that hears is asked alone: one whose worker ends by itself starts another", async () => {
  const { ports, signals } = machine();
  await new Predecessor(ports).end();
  assert.deepEqual(signals, ["SIGTERM 7"]);
});

Deno.test("a worker whose supervisor is dead is asked itself", async () => {
  const { ports, signals, die } = machine();
  die(7);
  await new Predecessor(ports).end();
  assert.deepEqual(signals, ["SIGTERM 8"]);
});

Deno.test("whoever does not hear is killed, the worker first: alone it would look for a supervisor", async () => {
  const { ports, signals, turnDeaf } = machine();
  turnDeaf();
  await new Predecessor(ports).end();
  assert.deepEqual(signals, ["SIGTERM 7", "SIGKILL 8", "SIGKILL 7"]);
});

Deno.test("what is left in a file that nobody can read is nothing", () => {
  for (const text of [undefined, "", "{", "7", "null", "{}", '{"sockets":7}']) {
    const { ports, files } = machine();
    if (text === undefined) files.remove(`${RUN}/queue.sockets`);
    else files.replace(`${RUN}/queue.sockets`, text);
    const predecessor = new Predecessor(ports);
    assert.deepEqual([predecessor.pids, predecessor.takeSockets()], [[], []], text);
  }
});
