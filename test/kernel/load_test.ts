/** Least connections on nft: weights that follow what conntrack counts. */
import assert from "node:assert/strict";
import { door } from "./config.ts";
import { kernelTests } from "./harness.ts";
import { apply, LONG, must, send } from "./steps.ts";

const test = kernelTests({ backends: 2 });

const WEB = { scheduler: "wlc", families: [4], more: 'engine = "nft"' } as const;

/** Far more than the few that tell nothing. */
const DOWNLOADS = 60;

test("who has many connections gets fewer of the next ones, a step at each reconcile, and as many as before once they have ended", async (lab) => {
  const { balancer, topology, traffic } = lab;
  const share = async () => {
    const { failed, per_backend } = await send(lab, {
      doors: [door(4)],
      count: 251,
      concurrency: 4,
    });
    assert.equal(failed, 0);
    return per_backend["b2"] ?? 0;
  };
  await apply(lab, { ...WEB, weights: [1, 0] });
  const spec = { doors: [door(4)], count: DOWNLOADS, seconds: LONG };
  const downloads = await traffic.download(topology.client, spec);
  await apply(lab, { ...WEB, weights: [1, 1] });
  const shares = [await share()];
  for (let round = 0; round < 3; round++) {
    await balancer.json(0, "reconcile");
    shares.push(await share());
  }
  assert.deepEqual(shares, shares.toSorted((a, b) => a - b), shares.join());
  assert.ok(shares[0]! >= 125 && shares.at(-1)! > 210, shares.join());
  const { stdout } = await balancer.lb("status");
  assert.match(stdout, /of 1 \(follows its connections\)/);
  const { broken } = await downloads.finish();
  assert.equal(broken, 0);
  for (let round = 0; round < 14; round++) await balancer.json(0, "reconcile");
  const { changed } = await balancer.json<{ changed: boolean }>(0, "reconcile");
  assert.equal(changed, false, "it has come to rest");
  const even = await share();
  assert.ok(even >= 125 && even <= 126, `${even}`);
  assert.match(await must(lab, "nft", "list", "map", "inet", "lb", "sv-web4"), /jump b-/);
});
