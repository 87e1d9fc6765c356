import assert from "node:assert/strict";
import { clientSource } from "../../lib/demo/layout.ts";
import { inside } from "../../lib/demo/namespace.ts";
import type { RequestsResult } from "../../lib/demo/role/spec.ts";
import {
  observeWorker,
  reloadWorker,
  startWorker,
  stopWorker,
  writeTable,
} from "../../lib/host/worker/worker.ts";
import { workerPlaces } from "../../lib/model/worker.ts";
import { clock } from "../../lib/sys/clock.ts";
import { files } from "../../lib/sys/files.ts";
import { serviceManager } from "../service_manager.ts";
import { kernelTests, type Lab, LB } from "./harness.ts";
import {
  clear,
  DOOR,
  hostOf,
  kernelChoices,
  layOut,
  listened,
  processesOf,
  QUEUES,
  statusOf,
  tableOf,
  until,
} from "./worker_rig.ts";
import { allAnswered, LONG, send } from "./steps.ts";

const test = kernelTests({ backends: 3, need: "xt_queue" });

/** Of so many that both queues get some; no port comes twice, which would pass the queue by. */
const SOURCES = {
  addresses: Array.from({ length: 40 }, (_, index) => clientSource(4, index)),
  first_port: 20_000,
};

const PER_SECOND = 500;

/** A test with rules and a worker, which is gone after it. */
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

/** Does something while new connections come in, 500 a second. */
async function underLoad(lab: Lab, act: () => Promise<void>): Promise<RequestsResult> {
  const steady = await lab.traffic.steady(lab.topology.client, {
    doors: [DOOR],
    sources: SOURCES,
    per_second: PER_SECOND,
    seconds_max: 30,
    timeout_ms: 10_000,
  });
  await clock.sleep(500);
  await act();
  await clock.sleep(500);
  return await steady.stop();
}

/** Until a worker chooses that is not this one. */
async function anotherChooses(lab: Lab, worker_pid: number, ms_max?: number): Promise<void> {
  await until(
    async () => {
      const now = await statusOf(lab);
      return now.token !== "" && now.worker_pid !== worker_pid;
    },
    "another process chooses",
    ms_max,
  );
}

/** What was counted is told a quarter of a second later at most. */
async function settled(lab: Lab) {
  await clock.sleep(600);
  return await statusOf(lab);
}

function noneFailed({ failed, errors, requests }: RequestsResult): void {
  assert.deepEqual({ failed, errors }, { failed: 0, errors: {} });
  assert.ok(requests >= PER_SECOND * 0.9, `only ${requests} requests`);
}

function kill(pid: number, signal: Deno.Signal): void {
  Deno.kill(pid, signal);
}

workerTest(
  "1,000 connections pass the worker once each, on both queues, and go where it says",
  async (lab) => {
    const result = await send(lab, {
      doors: [DOOR],
      sources: SOURCES,
      count: 1000,
      concurrency: 8,
    });
    allAnswered(result);
    const { seen, chosen, left_to_kernel, queues } = await settled(lab);
    assert.deepEqual({ seen, left_to_kernel }, { seen: 1000, left_to_kernel: 0 });
    assert.equal(await kernelChoices(lab), 0);
    const { b1, b2, b3 } = result.per_backend;
    assert.deepEqual(chosen, { "1": b1, "2": b2, "3": b3 });
    assert.deepEqual(queues.map(({ queue }) => queue), [7, 8]);
    for (const { packets } of queues) assert.ok(packets > 100, `a queue had ${packets} of 1,000`);
  },
);

workerTest(
  "kill -9 of the process that chooses: no connection fails or is late, and another takes its place",
  async (lab) => {
    const result = await underLoad(lab, async () => {
      for (let turn = 1; turn <= 3; turn++) {
        const { worker_pid } = await statusOf(lab);
        kill(worker_pid, "SIGKILL");
        await anotherChooses(lab, worker_pid, 2_000);
        await clock.sleep(1_200);
      }
    });
    noneFailed(result);
    assert.equal(result.slow, 0);
    const { restarts, released } = await settled(lab);
    assert.equal(restarts, 3);
    assert.ok(released > 0, "nothing was let go on while there was no worker");
  },
);

workerTest(
  "the process that chooses is stopped: nobody fails or has to send again, and it is replaced",
  async (lab) => {
    const result = await underLoad(lab, async () => {
      for (let turn = 1; turn <= 3; turn++) {
        const { worker_pid } = await statusOf(lab);
        kill(worker_pid, "SIGSTOP");
        await anotherChooses(lab, worker_pid);
        await clock.sleep(500);
      }
    });
    noneFailed(result);
    // Its first retransmission passes the queue by: what waits has to go on before.
    assert.ok(result.slowest_ms < 900, `the slowest took ${result.slowest_ms} ms`);
    assert.equal((await settled(lab)).restarts, 3);
  },
);

workerTest(
  "kill -9 of the supervisor: nobody notices, and within two seconds there is another pair",
  async (lab) => {
    const before = await statusOf(lab);
    const result = await underLoad(lab, async () => {
      kill(before.pid, "SIGKILL");
      await until(
        async () => {
          const view = await observeWorker(hostOf(lab));
          return view !== undefined && view.responsive && view.status.token === "one";
        },
        "another supervisor answers",
        4_000,
      );
      await until(() => processesOf(lab).length === 2, "the old process is gone");
    });
    noneFailed(result);
    const after = await settled(lab);
    assert.notEqual(after.pid, before.pid);
    assert.notEqual(after.worker_pid, before.worker_pid);
    assert.equal(result.slow, 0);
    assert.equal(await kernelChoices(lab), 0);
  },
);

workerTest(
  "under a service manager a worker without its supervisor waits for the next, and goes on meanwhile",
  async (lab) => {
    const host = hostOf(lab);
    await stopWorker(host);
    const manager = serviceManager(`${lab.topology.folder}/notify`);
    const unit = {
      ...host,
      self: inside(lab.topology.balancer, ["env", ...manager.environment, ...LB]),
    };
    const before = await startWorker(unit);
    const result = await underLoad(lab, async () => {
      kill(before.pid, "SIGKILL");
      await clock.sleep(1_500);
      assert.deepEqual(processesOf(lab), [before.worker_pid]);
      await startWorker(unit);
      await until(() => processesOf(lab).length === 2, "the old worker is gone");
    });
    noneFailed(result);
    assert.equal(result.slow, 0);
    assert.equal(await kernelChoices(lab), 0);
    await stopWorker(unit);
    const heard = manager.close();
    assert.deepEqual(heard.filter((line) => !line.startsWith("WATCHDOG=1\nSTATUS=process ")), [
      "READY=1",
      "READY=1",
      "STOPPING=1",
    ]);
    assert.ok(heard.length > 3, "it never heard that all is well");
  },
);

workerTest(
  "a worker that is started beside another takes its place: not one choice is left to the kernel",
  async (lab) => {
    const before = await statusOf(lab);
    const result = await underLoad(lab, async () => {
      const after = await startWorker(hostOf(lab));
      assert.notEqual(after.pid, before.pid);
      await until(() => processesOf(lab).length === 2, "the old pair is gone");
    });
    noneFailed(result);
    assert.equal(result.slow, 0);
    assert.equal(await kernelChoices(lab), 0);
  },
);

workerTest("a pair that was frozen together goes on, and nobody is replaced", async (lab) => {
  const before = await statusOf(lab);
  const pids = [before.pid, before.worker_pid];
  for (const pid of pids) kill(pid, "SIGSTOP");
  await clock.sleep(3_000);
  for (const pid of pids) kill(pid, "SIGCONT");
  const after = await settled(lab);
  assert.deepEqual([after.pid, after.worker_pid, after.restarts], [...pids, 0]);
  allAnswered(await send(lab, { doors: [DOOR], sources: SOURCES, count: 50 }));
  assert.equal(await kernelChoices(lab), 0);
});

for (const both of [false, true]) {
  const who = both
    ? "a supervisor and a worker that are stopped do"
    : "a supervisor that is stopped does";
  workerTest(`${who} not answer, and the next pair takes over whatever they hold`, async (lab) => {
    const host = hostOf(lab);
    const before = await statusOf(lab);
    const result = await underLoad(lab, async () => {
      if (both) kill(before.worker_pid, "SIGSTOP");
      kill(before.pid, "SIGSTOP");
      const view = await observeWorker(host);
      assert.deepEqual([view?.pid, view?.responsive], [before.pid, false]);
      await startWorker(host);
      await until(() => processesOf(lab).length === 2, "the old pair is gone");
    });
    noneFailed(result);
    if (!both) assert.equal(result.slow, 0);
    const after = await settled(lab);
    assert.notEqual(after.pid, before.pid);
    assert.deepEqual(after.queues.map(({ waiting }) => waiting), [0, 0]);
  });
}

workerTest(
  "with no capability but CAP_NET_ADMIN a worker starts, is succeeded and ends, as the unit has it",
  async (lab) => {
    const host = hostOf(lab);
    await stopWorker(host);
    const [program, ...args] = LB as [string, ...string[]];
    const confined = ["setpriv", "--bounding-set", "-all,+net_admin", "--no-new-privs", program];
    const narrow = { ...host, self: inside(lab.topology.balancer, [...confined, ...args]) };
    const first = await startWorker(narrow);
    const result = await underLoad(lab, async () => {
      assert.notEqual((await startWorker(narrow)).pid, first.pid);
      await until(() => processesOf(lab).length === 2, "the old pair is gone");
    });
    noneFailed(result);
    assert.equal(await kernelChoices(lab), 0);
    await stopWorker(narrow);
    assert.deepEqual(await listened(lab), []);
  },
);

workerTest("a table is taken over under load, and loses nothing", async (lab) => {
  const host = hostOf(lab);
  const result = await underLoad(lab, async () => {
    for (let turn = 1; turn <= 20; turn++) {
      writeTable(host, tableOf(`turn ${turn}`, turn % 2 ? 2 : 3));
      assert.equal(await reloadWorker(host), `turn ${turn}`);
    }
    writeTable(host, tableOf("last", 1));
    await reloadWorker(host);
  });
  noneFailed(result);
  assert.equal(result.slow, 0);
  assert.equal(await kernelChoices(lab), 0);
  const { per_backend } = await send(lab, { doors: [DOOR], count: 20 });
  assert.deepEqual(per_backend, { b1: 20 });
});

workerTest("another number of queues is taken over under load, and loses nothing", async (lab) => {
  const host = hostOf(lab);
  const result = await underLoad(lab, async () => {
    writeTable(host, tableOf("three", 3, "rr", { ...QUEUES, count: 3 }));
    await reloadWorker(host);
    assert.deepEqual(await listened(lab), [7, 8, 9]);
    writeTable(host, tableOf("one", 3, "rr", { ...QUEUES, count: 1 }));
    await reloadWorker(host);
    assert.deepEqual(await listened(lab), [7]);
  });
  noneFailed(result);
  assert.equal(result.slow, 0);
});

workerTest("live counts are exact, and after a death as well", async (lab) => {
  const host = hostOf(lab);
  writeTable(host, tableOf("wlc", 3, "wlc"));
  await reloadWorker(host);
  const client = lab.topology.client;
  const spec = { doors: [DOOR], count: 6, seconds: LONG };
  const first = await lab.traffic.download(client, spec);
  assert.deepEqual(first.per_backend, { b1: 2, b2: 2, b3: 2 });
  // Three more at one backend, which the others have to be given before it gets another.
  writeTable(host, tableOf("one backend", 1, "wlc"));
  await reloadWorker(host);
  const more = await lab.traffic.download(client, { ...spec, count: 3 });
  writeTable(host, tableOf("wlc again", 3, "wlc"));
  await reloadWorker(host);
  const { worker_pid } = await statusOf(lab);
  kill(worker_pid, "SIGKILL");
  await anotherChooses(lab, worker_pid);
  const last = await lab.traffic.download(client, spec);
  assert.deepEqual(last.per_backend, { b2: 3, b3: 3 });
  for (const one of [first, more, last]) assert.equal((await one.finish()).broken, 0);
});

workerTest("a table that is damaged is refused, and the one before stays", async (lab) => {
  const host = hostOf(lab);
  const { table } = workerPlaces(host.kernel.runDir);
  for (const text of ["{", "{}", JSON.stringify({ ...tableOf("two", 3), queues: { first: -1 } })]) {
    files.replace(table, text);
    await assert.rejects(reloadWorker(host), /table/);
  }
  assert.equal((await statusOf(lab)).token, "one");
  allAnswered(await send(lab, { doors: [DOOR], count: 20 }));
  assert.equal(await kernelChoices(lab), 0);
});

for (
  const [how, stop] of [
    ["told to at its socket", (lab: Lab) => stopWorker(hostOf(lab))],
    ["sent SIGTERM", async (lab: Lab) => kill((await statusOf(lab)).pid, "SIGTERM")],
  ] as const
) {
  workerTest(
    `a worker that is ${how} ends, leaves nothing behind, and the kernel goes on`,
    async (lab) => {
      const result = await underLoad(lab, async () => {
        await stop(lab);
        await until(() => processesOf(lab).length === 0, "every process is gone");
      });
      noneFailed(result);
      assert.equal(result.slow, 0);
      assert.deepEqual(await listened(lab), []);
      const { runDir } = hostOf(lab).kernel;
      assert.deepEqual(files.list(runDir), ["queue.json", "queue.lock"]);
      assert.equal(await observeWorker(hostOf(lab)), undefined);
      assert.ok(await kernelChoices(lab) > 0);
    },
  );
}
