/** Services whose backends are chosen in user space, one packet of each connection. */
import assert from "node:assert/strict";
import { CLIENT } from "../../lib/demo/layout.ts";
import { FAMILIES } from "../../lib/model/address.ts";
import { door } from "./config.ts";
import { kernelTests } from "./harness.ts";
import { eventually, passedPackets, queuedPackets, statusOf } from "./queued_rig.ts";
import { allAnswered, apply, LONG, must, send } from "./steps.ts";

const test = kernelTests({ backends: 3, need: "queue" });

const QUEUED = 'engine = "nfqueue"';

for (const family of FAMILIES) {
  test(`100 connections that move thousands of packets queue exactly 100 packets, IPv${family}`, async (lab) => {
    await apply(lab, { weights: [1, 1, 1], more: QUEUED });
    const [queued, passed] = [await queuedPackets(lab), await passedPackets(lab, "front")];
    const spec = { doors: [door(family)], count: 100, seconds: LONG };
    const downloads = await lab.traffic.download(lab.topology.client, spec);
    await eventually(
      "5,000 packets",
      async () => await passedPackets(lab, "front") - passed > 5_000,
    );
    const { completed, broken } = await downloads.finish();
    assert.deepEqual({ completed, broken }, { completed: 100, broken: 0 });
    assert.equal(await queuedPackets(lab) - queued, 100);
    // The worker tells of itself four times a second.
    await new Promise((resolve) => setTimeout(resolve, 500));
    const { worker, services: [web] } = await statusOf(lab);
    assert.equal(worker.seen, 100);
    assert.equal(web!.kernel_choices, 0);
    const chosen = web!.backends.map((backend) => backend.chosen);
    assert.equal(chosen.reduce((sum, count) => sum + count, 0), 100);
  });
}

test("wrr keeps its turn, and weight 0 gets nothing", async (lab) => {
  await apply(lab, { weights: [3, 1, 0], families: [4], more: QUEUED });
  const result = await send(lab, { doors: [door(4)], count: 40, concurrency: 1 });
  allAnswered(result);
  assert.deepEqual(result.per_backend, { b1: 30, b2: 10 });
  for (let turn = 0; turn < 40; turn += 4) {
    assert.equal(result.answers.slice(turn, turn + 4).filter((name) => name === "b2").length, 1);
  }
});

test("an exact port inside a queued range is a service of its own, and not queued", async (lab) => {
  const range = { name: "range", ports: '["8000-8010"]', weights: [1], port: 8000, more: QUEUED };
  const exact = {
    name: "exact",
    ports: "[8001]",
    weights: [undefined, 1, 1],
    more: 'engine = "nft"',
  };
  await apply(lab, { ...range, families: [4] }, { ...exact, families: [4] });
  const result = await send(lab, { doors: [door(4, 10, 8001)], count: 20 });
  assert.deepEqual(result.per_backend, { b2: 10, b3: 10 });
  assert.equal(await queuedPackets(lab), 0);
  assert.deepEqual((await send(lab, { doors: [door(4, 10, 8002)], count: 5 })).per_backend, {
    b1: 5,
  });
  assert.equal(await queuedPackets(lab), 5);
});

for (const scheduler of ["sh", "maglev"]) {
  test(`${scheduler}: with the worker and without it every client gets the same backend`, async (lab) => {
    await apply(lab, { weights: [2, 1, 1], scheduler, more: QUEUED });
    const spec = (first_port: number) => ({
      doors: [door(4)],
      count: 200,
      sources: { addresses: [CLIENT[4]], first_port },
    });
    const chosen = await send(lab, spec(20_000));
    allAnswered(chosen);
    assert.equal(await queuedPackets(lab), 200);
    const { worker } = await statusOf(lab);
    // Each starts the other anew, where it still can.
    await must(lab, "kill", "-STOP", `${worker.pid}`, `${worker.worker_pid}`);
    await must(lab, "kill", "-KILL", `${worker.pid}`, `${worker.worker_pid}`);
    await eventually("nobody listens", async () => await queuedPackets(lab) === 0);
    await must(lab, "conntrack", "-F");
    const alone = await send(lab, spec(20_000));
    allAnswered(alone);
    assert.deepEqual(alone.answers, chosen.answers);
    await lab.balancer.json(1, "reconcile");
    assert.equal((await statusOf(lab)).worker.state, "answers");
  });
}
