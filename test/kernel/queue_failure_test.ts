/** Supervisors that fail at the wrong moment. */
import assert from "node:assert/strict";
import { observeWorker, startWorker, writeTable } from "../../lib/host/worker/worker.ts";
import { workerPlaces } from "../../lib/model/worker.ts";
import { files } from "../../lib/sys/files.ts";
import { kernelTests, type Lab, LB } from "./harness.ts";
import {
  clear,
  DOOR,
  hostOf,
  kernelChoices,
  layOut,
  processesOf,
  statusOf,
  tableOf,
  until,
} from "./worker_rig.ts";
import { allAnswered, send } from "./steps.ts";

const test = kernelTests({ backends: 3, need: "xt_queue" });

function workerTest(name: string, act: (lab: Lab) => Promise<void>): void {
  test(name, async (lab) => {
    await layOut(lab, tableOf("one", 3));
    try {
      await startWorker(hostOf(lab));
      await act(lab);
    } finally {
      await clear(lab);
    }
    assert.deepEqual(processesOf(lab), []);
  });
}

workerTest(
  "a supervisor that cannot be asked takes nothing from the one that there is, and nobody starts it again",
  async (lab) => {
    const before = await statusOf(lab);
    const { runDir } = hostOf(lab).kernel;
    // Where its socket would be bound there is a folder with something in it: as good as a full disk.
    const { stderr, code } = await lab.balancer.run([
      ...["bash", "-c", 'mkdir -p "$1.$$/x" && exec "${@:2}"', "bash"],
      ...[workerPlaces(runDir).socket, ...LB, "queue", "--run-dir", runDir],
    ]);
    assert.equal(code, 5, stderr);
    assert.match(stderr, /nobody could ask at/);
    // In no order: process ids begin anew some time.
    assert.deepEqual(new Set(processesOf(lab)), new Set([before.pid, before.worker_pid]));
    const after = await statusOf(lab);
    assert.deepEqual([after.pid, after.worker_pid], [before.pid, before.worker_pid]);
  },
);

for (const isHung of [false, true]) {
  workerTest(
    `a run folder that is emptied and filled again at once: the ${
      isHung ? "hung" : "old"
    } worker is replaced without a gap`,
    async (lab) => {
      const before = await statusOf(lab);
      const { runDir } = hostOf(lab).kernel;
      const pair = [before.pid, before.worker_pid];
      if (isHung) { for (const pid of pair) Deno.kill(pid, "SIGSTOP"); }
      Deno.removeSync(runDir, { recursive: true });
      files.mkdir(runDir, 0o700);
      writeTable(hostOf(lab), tableOf("two", 3));
      assert.equal(await observeWorker(hostOf(lab)), undefined, "the folder tells of nobody");
      const after = await startWorker(hostOf(lab));
      assert.equal(after.token, "two");
      await until(() => processesOf(lab).length === 2, "the old pair is gone", 10_000);
      assert.ok(!processesOf(lab).some((pid) => pair.includes(pid)));
      allAnswered(await send(lab, { doors: [DOOR], count: 20 }));
      assert.equal(await kernelChoices(lab), 0);
    },
  );
}

workerTest("a run folder whose path is too long for a socket is refused in words", async (lab) => {
  const runDir = `/run/lb-${"x".repeat(100)}`;
  const { stderr, code } = await lab.balancer.run([...LB, "queue", "--run-dir", runDir]);
  assert.deepEqual([code, files.stat(runDir)], [2, undefined]);
  assert.match(stderr, /--run-dir .* 88 bytes at most/);
});

workerTest(
  "a worker of which its dead supervisor had left no word is found by the next one",
  async (lab) => {
    const { runDir } = hostOf(lab).kernel;
    const before = await statusOf(lab);
    const { sockets } = workerPlaces(runDir);
    const estate = JSON.parse(files.read(sockets)!);
    files.replace(sockets, JSON.stringify({ ...estate, worker: 0, started: {} }));
    Deno.kill(before.pid, "SIGKILL");
    await until(
      async () => (await observeWorker(hostOf(lab)))?.responsive === true,
      "another supervisor answers",
      4_000,
    );
    await until(() => processesOf(lab).length === 2, "the old process is gone");
    allAnswered(await send(lab, { doors: [DOOR], count: 20 }));
    assert.equal(await kernelChoices(lab), 0);
  },
);
