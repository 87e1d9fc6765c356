/** Choices by live counts: connections as conntrack(8) lists them, sampled while they come and go. */
import assert from "node:assert/strict";
import { backendAddress } from "../../lib/demo/layout.ts";
import { FAMILIES, type Family } from "../../lib/model/address.ts";
import { door } from "./config.ts";
import { type HeldMany, holdMany } from "./clients.ts";
import { kernelTests, type Lab } from "./harness.ts";
import { queuedPackets } from "./queued_rig.ts";
import { allAnswered, apply, LONG, must } from "./steps.ts";

const test = kernelTests({ backends: 3, need: "queue" });

const QUEUED = 'engine = "nfqueue"';

/** Connections that are not over, of b1, b2, b3. */
async function sample(lab: Lab, family: Family = 4): Promise<number[]> {
  const listing = await must(lab, "conntrack", "-L", "-f", `ipv${family}`, "-p", "tcp");
  const active = listing.split("\n").filter((line) => !/ TIME_WAIT | CLOSE /.test(line));
  return [0, 1, 2].map((index) =>
    active.filter((line) => line.includes(` src=${backendAddress(family, index)} `)).length
  );
}

/** Opens as many and leaves them open. */
async function hold(lab: Lab, count: number, family: Family = 4): Promise<HeldMany> {
  const held = await holdMany(lab, door(family), count);
  assert.ok(held, "refused");
  return held;
}

/** Opens so many again and again, and samples after each time: conntrack(8) lists no moment, so nothing opens then. */
async function holdBySteps(lab: Lab, { steps, each }: { steps: number; each: number }) {
  const held: HeldMany[] = [];
  const samples: number[][] = [];
  for (let step = 0; step < steps; step++) {
    held.push(await hold(lab, each));
    samples.push(await sample(lab));
  }
  return { held, samples };
}

async function close(held: readonly HeldMany[]): Promise<void> {
  await Promise.all(held.map((one) => one.ask()));
}

function differenceOf(loads: readonly number[]): number {
  return Math.max(...loads) - Math.min(...loads);
}

test("wlc: connections go where there are fewest, and once they are level differ by one at every sample", async (lab) => {
  const service = { scheduler: "wlc", families: [4], more: QUEUED } as const;
  await apply(lab, { ...service, weights: [1, 0, 0] });
  const queued = await queuedPackets(lab);
  const first = await hold(lab, 30);
  assert.deepEqual(await sample(lab), [30, 0, 0]);
  await apply(lab, { ...service, weights: [1, 1, 1] });
  const { held, samples } = await holdBySteps(lab, { steps: 24, each: 5 });
  assert.deepEqual(samples.at(-1), [50, 50, 50]);
  for (const [b1 = 0, b2 = 0, b3 = 0] of samples) {
    const isLevel = differenceOf([b1, b2, b3]) <= 1;
    assert.ok(isLevel || b1 === 30 && differenceOf([b2, b3]) <= 1, `${b1} ${b2} ${b3}`);
  }
  assert.equal(await queuedPackets(lab) - queued, 150);
  await close([first, ...held]);
});

test("wlc: with long and short connections mixed, connections per weight differ by at most one", async (lab) => {
  const service = { scheduler: "wlc", families: [4], more: QUEUED } as const;
  await apply(lab, { ...service, weights: [10, 0, 0] });
  const first = await hold(lab, 30);
  await apply(lab, { ...service, weights: [10, 20, 30] });
  const spec = { doors: [door(4)], per_second: 200, seconds_max: LONG };
  const short = await lab.traffic.steady(lab.topology.client, spec);
  // By their weights the others have to have five times as many until they are level with b1.
  const rest = await hold(lab, 150);
  const { held, samples } = await holdBySteps(lab, { steps: 30, each: 4 });
  const result = await short.stop();
  allAnswered(result);
  assert.ok(result.answers.length > 40, `${result.answers.length} short ones`);
  for (const counts of samples) {
    const loads = counts.map((count, index) => count / [10, 20, 30][index]!);
    assert.ok(differenceOf(loads) <= 1, `${counts}`);
  }
  await close([first, rest, ...held]);
});

test("maglev with a bound: who has more than that above the average gets no more until others have", async (lab) => {
  const bounded = `${QUEUED}\nbalance = { bound = 0.25 }`;
  const service = { scheduler: "maglev", families: [4], more: bounded } as const;
  await apply(lab, { ...service, weights: [1, 0, 0] });
  const first = await hold(lab, 40);
  await apply(lab, { ...service, weights: [1, 1, 1] });
  // Up to 96 connections the bound is 40 at most, and b1 has that many.
  const { held, samples } = await holdBySteps(lab, { steps: 8, each: 7 });
  for (const [b1, b2 = 0, b3 = 0] of samples) {
    assert.equal(b1, 40);
    assert.ok(Math.max(b2, b3) <= 40, `${b2} ${b3}`);
  }
  assert.deepEqual(samples.map((counts) => counts.reduce((sum, count) => sum + count)), [
    ...[47, 54, 61, 68, 75, 82, 89, 96],
  ]);
  await close([first, ...held]);
});

for (const family of FAMILIES) {
  test(`maglev passes over who is at max_connections, instead of refusing, IPv${family}`, async (lab) => {
    const limited = { backend_more: ["max_connections = 10"], more: QUEUED } as const;
    await apply(lab, { ...limited, scheduler: "maglev", weights: [1, 1, 1] });
    // A choice that was not found again in its connection would count twice for three seconds.
    const held = await hold(lab, 100, family);
    const [b1, b2 = 0, b3 = 0] = await sample(lab, family);
    assert.equal(b1, 10);
    assert.equal(b2 + b3, 90);
    await close([held]);
  });
}
