import assert from "node:assert/strict";
import {
  observeWorker,
  reloadWorker,
  startWorker,
  stopWorker,
  type WorkerHost,
  writeTable,
} from "../../../lib/host/worker/worker.ts";
import { isManaged } from "../../../lib/host/worker/unit.ts";
import { isWorker } from "../../../lib/kernel/worker_identity.ts";
import type { RunResult } from "../../../lib/sys/ports.ts";
import { FakeFiles } from "../../fake/files.ts";
import { FakeClock } from "../../fake/kernel.ts";

const RUN = "/run/lb-test";

/** Test equipment: a machine with processes by number, and what the worker's socket answers. */
class FakeMachine {
  readonly files = new FakeFiles();
  readonly clock = new FakeClock();
  readonly started: string[][] = [];
  readonly ran: string[][] = [];
  /** What is answered, by what is asked; undefined is no answer. */
  answers: Record<string, unknown> = {};
  /** Whether what is started stays. */
  starts = true;
  onStart = () => {};
  onStop = () => {};

  host(runDir = RUN): WorkerHost {
    const { files, clock } = this;
    return {
      kernel: { files, clock, runDir, process: { run: (argv) => this.#run(argv) } },
      daemons: {
        start: (argv) => {
          this.started.push([...argv]);
          if (this.starts) this.files.replace("/proc/9/stat", "9 (a ) Z b) S 1 9\n");
          this.onStart();
          return 9;
        },
        ask: (path, line) => {
          assert.equal(path, `${runDir}/queue.sock`);
          const { op } = JSON.parse(line);
          if (op === "stop") this.onStop();
          const answer = this.answers[op];
          return Promise.resolve(answer === undefined ? undefined : JSON.stringify(answer));
        },
      },
      self: ["deno", "run", "main.ts"],
    };
  }

  /** A worker with that number runs, and answers. */
  runs(pid: number, token = "one"): void {
    const words = ["deno", "run", "main.ts", "queue", "--run-dir", RUN, ""];
    this.files.replace(`/proc/${pid}/cmdline`, words.join("\0"));
    this.files.replace(`${RUN}/queue.pid`, `${pid}\n`);
    this.answers.status = { pid, token };
  }

  #run(argv: readonly string[]): Promise<RunResult> {
    this.ran.push([...argv]);
    this.onStart();
    return Promise.resolve({ code: 0, stdout: "", stderr: "" });
  }
}

Deno.test("a worker is seen by its process and its answer", async () => {
  const machine = new FakeMachine();
  assert.equal(await observeWorker(machine.host()), undefined);
  machine.runs(7);
  const status = { pid: 7, token: "one" };
  assert.deepEqual(await observeWorker(machine.host()), { pid: 7, responsive: true, status });
  machine.answers = {};
  assert.deepEqual(await observeWorker(machine.host()), { pid: 7, responsive: false });
});

Deno.test("a process that has a dead worker's number is no worker", async () => {
  const machine = new FakeMachine();
  machine.runs(7);
  machine.answers = {};
  for (
    const line of ["", "sshd\0", `lb\0apply\0--run-dir\0${RUN}\0`, "lb\0queue\0--run-dir\0/x\0"]
  ) {
    machine.files.replace("/proc/7/cmdline", line);
    assert.equal(await observeWorker(machine.host()), undefined, line);
  }
});

Deno.test("by its command line alone a process is a worker only of the folder that it names", () => {
  const files = new FakeFiles();
  const is = (pid: number) => isWorker(files, { pid }, RUN);
  files.replace("/proc/7/cmdline", `lb\0queue\0--run-dir\0${RUN}\0`);
  assert.deepEqual([is(7), is(0), is(NaN), is(8)], [true, false, false, false]);
  for (const line of ["bash\0-c\0sleep 9\0queue\0", "lb\0queue\0"]) {
    files.replace("/proc/7/cmdline", line);
    assert.equal(is(7), false, line);
  }
});

Deno.test("starting waits for another worker than the one before, and for its table", async () => {
  const machine = new FakeMachine();
  machine.runs(7);
  machine.onStart = () => {
    let asked = 0;
    Object.defineProperty(machine.answers, "status", {
      get: () =>
        [{ pid: 7, token: "one" }, { pid: 9, token: "" }][asked++] ??
          { pid: 9, token: "two" },
    });
  };
  assert.equal((await startWorker(machine.host())).token, "two");
  assert.deepEqual(machine.started, [["deno", "run", "main.ts", "queue", "--run-dir", RUN]]);
});

Deno.test("a worker that does not come to choose is told of, with what says why", async () => {
  const machine = new FakeMachine();
  await assert.rejects(
    startWorker(machine.host()),
    /within 30 s.*lb queue --run-dir \/run\/lb-test/,
  );
  machine.starts = false;
  machine.files.replace("/proc/9/stat", "9 (lb) Z 1 9\n");
  const before = machine.clock.now_ms();
  await assert.rejects(startWorker(machine.host()), /ended before it came to choose/);
  assert.ok(machine.clock.now_ms() - before < 1_000, "who has ended is not waited for");
});

Deno.test("a table is private, and its token is what a reload has to end with", async () => {
  const machine = new FakeMachine();
  const host = machine.host();
  writeTable(host, { token: "two" });
  assert.equal(machine.files.stat(`${RUN}/queue.json`)?.mode, 0o600);
  machine.answers.reload = { token: "two" };
  assert.equal(await reloadWorker(host), "two");
  machine.answers.reload = { error: "services is nothing" };
  await assert.rejects(reloadWorker(host), /services is nothing/);
  machine.answers = {};
  await assert.rejects(reloadWorker(host), /does not answer/);
});

Deno.test("stopping nobody is no error; stopping somebody waits for his end", async () => {
  const machine = new FakeMachine();
  await stopWorker(machine.host());
  machine.runs(7);
  await assert.rejects(stopWorker(machine.host()), /7 does not end/);
  machine.onStop = () => machine.files.remove("/proc/7/cmdline");
  await stopWorker(machine.host());
  assert.deepEqual(machine.started, []);
});

Deno.test("a worker that hangs is stopped by a successor, which lets go on what it holds", async () => {
  const machine = new FakeMachine();
  machine.runs(7);
  machine.answers = {};
  machine.onStart = () => {
    machine.files.remove("/proc/7/cmdline");
    machine.runs(9);
  };
  machine.onStop = () => machine.files.remove("/proc/9/cmdline");
  await stopWorker(machine.host());
  assert.equal(machine.started.length, 1);
});

Deno.test("under systemd with the unit and the default folder it is systemd that starts and stops", async () => {
  const machine = new FakeMachine();
  machine.files.mkdir("/run/systemd/system", 0o755);
  assert.equal(isManaged(machine.host("/run/lb").kernel), false);
  machine.files.replace("/etc/systemd/system/lb-queue.service", "");
  assert.equal(isManaged(machine.host().kernel), false);
  const host = machine.host("/run/lb");
  assert.ok(isManaged(host.kernel));
  machine.onStart = () => {
    machine.files.replace("/proc/7/cmdline", "lb\0queue\0--run-dir\0/run/lb\0");
    machine.files.replace("/run/lb/queue.pid", "7\n");
    machine.answers.status = { pid: 7, token: "one" };
  };
  await startWorker(host);
  machine.onStart = () => machine.files.remove("/proc/7/cmdline");
  await stopWorker(host);
  assert.deepEqual(
    machine.ran,
    [["restart"], ["stop"]].map(([act]) => [
      "systemctl",
      act,
      "lb-queue.service",
    ]),
  );
  assert.deepEqual(machine.started, []);
});

Deno.test("a worker that somebody started by hand is stopped where systemd, which knows of none, says it did", async () => {
  const machine = new FakeMachine();
  machine.files.mkdir("/run/systemd/system", 0o755);
  machine.files.replace("/etc/systemd/system/lb-queue.service", "");
  machine.files.replace("/proc/7/cmdline", "lb\0queue\0--run-dir\0/run/lb\0");
  machine.files.replace("/run/lb/queue.pid", "7\n");
  machine.answers.status = { pid: 7, token: "one" };
  let stops = 0;
  machine.onStop = () => {
    stops++;
    machine.files.remove("/proc/7/cmdline");
  };
  await stopWorker(machine.host("/run/lb"));
  assert.deepEqual([stops, machine.ran], [1, [["systemctl", "stop", "lb-queue.service"]]]);
});
