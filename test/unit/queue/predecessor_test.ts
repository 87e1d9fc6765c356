import assert from "node:assert/strict";
import { leaveEstate } from "../../../lib/kernel/worker_identity.ts";
import { Predecessor } from "../../../lib/queue/supervisor/predecessor.ts";
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
  const started = (pid: number, ticks: number) =>
    files.replace(`/proc/${pid}/stat`, statOf(pid, ticks));
  for (const pid of [7, 8]) {
    alive(pid);
    started(pid, 4_000 + pid);
  }
  const sockets = [{ queue: 3, ...SOCKET }];
  leaveEstate(files, RUN, { supervisor: 7, worker: 8, sockets });
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
  return { ports, files, signals, asked, die, started, turnDeaf: () => deaf = true };
}

/** As proc_pid_stat(5) has it; the name of a program may hold anything. */
function statOf(pid: number, ticks: number): string {
  const before = Array.from({ length: 18 }, (_, index) => index);
  return `${pid} (deno ) S 1) S ${before.join(" ")} ${ticks} 0 0\n`;
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

Deno.test("a worker of the same folder that has come to have a dead one's number is not taken for it", async () => {
  const { ports, started, asked, signals } = machine();
  started(7, 9_999);
  const predecessor = new Predecessor(ports);
  assert.deepEqual(predecessor.pids, [8]);
  predecessor.takeSockets();
  started(8, 9_999);
  await predecessor.end();
  assert.deepEqual([asked, signals], [["8 21 socket:[4711]"], []]);
});

Deno.test("a supervisor that asks for no folder is known by when it was started", () => {
  const { ports, files } = machine();
  files.replace("/proc/7/cmdline", "lb\0queue\0");
  assert.deepEqual(new Predecessor(ports).pids, [7, 8]);
});

Deno.test("what a lb left that did not note when it started is taken by its command line", () => {
  const { ports, files } = machine();
  const estate = { supervisor: 7, worker: 8, sockets: [{ queue: 3, ...SOCKET }] };
  files.replace(`${RUN}/queue.sockets`, JSON.stringify(estate));
  assert.deepEqual(new Predecessor(ports).pids, [7, 8]);
  files.replace("/proc/7/cmdline", "bash\0-c\0sleep 9\0queue\0");
  assert.deepEqual(new Predecessor(ports).pids, [8]);
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
