/** What nobody should send, sent to the real worker. */
import assert from "node:assert/strict";
import { backendAddress, vipAddress } from "../../lib/demo/layout.ts";
import type { QueueService, QueueTable } from "../../lib/engine/nfqueue/table.ts";
import { startWorker } from "../../lib/host/worker/worker.ts";
import { clock } from "../../lib/sys/clock.ts";
import { kernelTests, type Lab } from "./harness.ts";
import { queueAll, queueNoMore, sendHostile } from "./hostile_rig.ts";
import { allAnswered, send } from "./steps.ts";
import {
  clear,
  DOOR,
  hostOf,
  kernelChoices,
  layOut,
  QUEUES,
  statusOf,
  tableOf,
} from "./worker_rig.ts";

const test = kernelTests({ backends: 3, need: "xt_queue" });

const PACKETS = 30_000;

/** Loads are looked at, and both IP versions: nothing of the worker stays out of it. */
function tableForAll(): QueueTable {
  const table = tableOf("all", 3, "wlc");
  const [web] = table.services as [QueueService];
  const sixth = web.backends.map((backend, index) => ({
    ...backend,
    id: backend.id + web.backends.length,
    address: { family: 6 as const, text: backendAddress(6, index) },
  }));
  const vip = { family: 6 as const, text: vipAddress(6, 10), length: 128 };
  const service = { ...web, vip: [...web.vip, vip], backends: [...web.backends, ...sixth] };
  return { ...table, services: [service] };
}

/** What was counted is told a quarter of a second later at most. */
async function settled(lab: Lab) {
  await clock.sleep(600);
  return await statusOf(lab);
}

test(`${PACKETS} hostile packets: the worker answers each, and goes on as if nothing had been`, async (lab) => {
  const seed = crypto.getRandomValues(new Uint32Array(1))[0]!;
  await layOut(lab, tableForAll());
  const queues = [QUEUES.first, QUEUES.first + QUEUES.count - 1] as const;
  try {
    const before = await startWorker(hostOf(lab));
    await queueAll(lab.topology, queues);
    await sendHostile(lab.topology, { packets: PACKETS, seed });
    const after = await settled(lab);
    const { pid, worker_pid, restarts, released } = after;
    assert.deepEqual(
      { seed, pid, worker_pid, restarts, released },
      { seed, pid: before.pid, worker_pid: before.worker_pid, restarts: 0, released: 0 },
    );
    // The kernel waits for the rest of some, has no route for others, and lets pass what a full queue cannot take.
    assert.ok(after.seen > PACKETS / 2, `seed ${seed}: the worker has seen ${after.seen}`);
    assert.deepEqual(after.queues.map(({ waiting }) => waiting), [0, 0], `seed ${seed}`);
    assert.ok(after.left_to_kernel > PACKETS / 10, `seed ${seed}: ${after.left_to_kernel}`);
    assert.ok(
      after.seen - after.left_to_kernel > PACKETS / 10,
      `seed ${seed}: most had no service`,
    );

    await queueNoMore(lab.topology, queues);
    const choices = await kernelChoices(lab);
    allAnswered(await send(lab, { doors: [DOOR], count: 50 }));
    assert.equal(await kernelChoices(lab), choices, "the worker chose for each of the 50");
  } finally {
    await clear(lab);
  }
});
