/** Choices by the connections there are at that moment, and backends that come and go under load. */
import assert from "node:assert/strict";
import { clientSource } from "../../lib/demo/layout.ts";
import type { Downloads } from "../../lib/demo/traffic.ts";
import { door } from "./config.ts";
import { kernelTests, type Lab } from "./harness.ts";
import { statusOf } from "./queued_rig.ts";
import { allAnswered, apply, LONG, must, send } from "./steps.ts";

const test = kernelTests({ backends: 12, need: "queue" });

const QUEUED = 'engine = "nfqueue"';

const ESTABLISHED = 2_000;
const FIRST_PORT = 20_000;

/** Long connections, of which each gets a piece every second. */
async function hold(lab: Lab, count: number, first_port = FIRST_PORT): Promise<Downloads> {
  const downloads = await lab.traffic.download(lab.topology.client, {
    ...{ doors: [door(4)], count, seconds: LONG, every_ms: 1_000 },
    sources: { addresses: [clientSource(4, 0), clientSource(4, 1)], first_port },
  });
  // Where the test fails before they end, they are killed.
  downloads.result.catch(() => {});
  return downloads;
}

test("10, 9, 12 backends under load: of 2,000 established connections none breaks", async (lab) => {
  const weights = (count: number) => Array.from({ length: count }, () => 1);
  const of = (count: number) => ({ weights: weights(count), families: [4] as const, more: QUEUED });
  await apply(lab, { ...of(10), scheduler: "maglev" });
  const held = await hold(lab, ESTABLISHED);
  const load = await lab.traffic.steady(lab.topology.client, {
    ...{ doors: [door(4)], per_second: 100, seconds_max: 60 },
  });
  for (const count of [9, 12]) await apply(lab, { ...of(count), scheduler: "maglev" });
  allAnswered(await load.stop());
  const after = await send(lab, { doors: [door(4)], count: 300 });
  assert.equal(Object.keys(after.per_backend).length, 12);
  const { completed, broken, errors } = await held.finish();
  assert.deepEqual({ completed, broken, errors }, {
    completed: ESTABLISHED,
    broken: 0,
    errors: {},
  });
});

/** Active connections by backend, as conntrack has them: neither closed nor in TIME_WAIT. */
async function active(lab: Lab): Promise<number[]> {
  const { services: [web] } = await statusOf(lab);
  return web!.backends.map(({ active_connections }) => active_connections);
}

test("wlc: with long and short connections mixed, active connections per weight differ by one at most", async (lab) => {
  const weights = [1, 2, 3, 1];
  const service = { weights, families: [4] as const, scheduler: "wlc", more: QUEUED };
  await apply(lab, service);
  const held: Downloads[] = [];
  const spreads: number[] = [];
  for (let round = 0; round < 8; round++) {
    held.push(await hold(lab, 7, FIRST_PORT + 100 * round));
    allAnswered(await send(lab, { doors: [door(4)], count: 23, concurrency: 4 }));
    const shares = (await active(lab)).map((count, index) => count / weights[index]!);
    spreads.push(Math.max(...shares) - Math.min(...shares));
  }
  assert.ok(spreads.every((spread) => spread <= 1), spreads.map((one) => one.toFixed(2)).join());
  // Those that are long end on one side only, and the next ones go where they are missed.
  await held[0]!.finish();
  await held[1]!.finish();
  await must(lab, "sleep", "1");
  const more = await hold(lab, 14, FIRST_PORT + 5_000);
  const shares = (await active(lab)).map((count, index) => count / weights[index]!);
  assert.ok(Math.max(...shares) - Math.min(...shares) <= 1, shares.join());
  for (const one of [...held.slice(2), more]) {
    const { broken } = await one.finish();
    assert.equal(broken, 0);
  }
});

test("maglev with a bound: no backend has more than (1 + bound) times the average", async (lab) => {
  const more = `${QUEUED}\n[service.balance]\nbound = 0.25`;
  await apply(lab, { weights: [1, 1, 1, 1], families: [4], scheduler: "maglev", more });
  const held = await hold(lab, 400);
  const counts = await active(lab);
  assert.equal(counts.reduce((sum, count) => sum + count, 0), 400);
  assert.ok(Math.max(...counts) <= Math.ceil(1.25 * 100), counts.join());
  await held.finish();
});
