/** Backends that come and go under load. */
import assert from "node:assert/strict";
import { clientSource } from "../../lib/demo/layout.ts";
import type { Downloads } from "../../lib/demo/traffic.ts";
import { door } from "./config.ts";
import { kernelTests, type Lab } from "./harness.ts";
import { allAnswered, apply, LONG, send } from "./steps.ts";

const test = kernelTests({ backends: 12, need: "queue" });

const QUEUED = 'engine = "nfqueue"';

const ESTABLISHED = 2_000;
const FIRST_PORT = 20_000;

/** Long connections, of which each gets a piece every second. */
async function hold(lab: Lab, count: number): Promise<Downloads> {
  const downloads = await lab.traffic.download(lab.topology.client, {
    ...{ doors: [door(4)], count, seconds: LONG, every_ms: 1_000 },
    sources: { addresses: [clientSource(4, 0), clientSource(4, 1)], first_port: FIRST_PORT },
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
