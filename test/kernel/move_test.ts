/** Services that move between nft and IPVS under traffic, on a kernel that has both. */
import assert from "node:assert/strict";
import { FAMILIES } from "../../lib/model/address.ts";
import { door, serviceText } from "./config.ts";
import { kernelTests, type Lab } from "./harness.ts";
import type { Impact } from "./impact_rig.ts";
import { PATIENCE } from "./patience.ts";
import { apply, LONG, must } from "./steps.ts";

const test = kernelTests({ backends: 2, need: "both" });

const DOORS = FAMILIES.map((family) => door(family));
const WEB = { weights: [1, 1], port: 8080 };

interface Moved {
  readonly notes: readonly string[];
  readonly impact: readonly Impact[];
}

const hasTable = async ({ balancer }: Lab) =>
  (await balancer.run(["nft", "list", "table", "inet", "lb"])).code === 0;

const isListed = async (lab: Lab) => (await must(lab, "ipvsadm", "-Ln")).includes("203.0.113.10");

function download({ traffic, topology }: Lab) {
  return traffic.download(topology.client, { doors: DOORS, count: 4, seconds: LONG });
}

/** Runs lb under requests, of which none may fail. */
async function served(lab: Lab, act: () => Promise<unknown>): Promise<void> {
  const steady = await lab.traffic.steady(lab.topology.client, {
    doors: DOORS,
    per_second: PATIENCE > 1 ? 2 : 5,
    seconds_max: 60,
    timeout_ms: 20_000,
  });
  await act();
  const { failed, errors, requests } = await steady.stop();
  assert.deepEqual({ failed, errors }, { failed: 0, errors: {} });
  assert.ok(requests > 0, "nothing was asked");
}

test("from nft to IPVS and back no request fails; connections that nft translates go on, and its table goes after the last", async (lab) => {
  const { balancer } = lab;
  await apply(lab, { ...WEB, more: 'engine = "nft"' });
  const kept = await download(lab);
  balancer.writeConfig(serviceText({ ...WEB, more: 'engine = "ipvs"' }));
  const [planned] = (await balancer.json<Moved>(0, "apply", "--plan")).impact;
  assert.deepEqual(planned!.engine, { from: "nft", to: "ipvs" });
  assert.equal(planned!.connections!.kept, 4);
  await served(lab, async () => {
    const { notes } = await apply(lab, { ...WEB, more: 'engine = "ipvs"' });
    assert.match(notes.join("\n"), /web moves from nft to ipvs: established connections go on/);
  });
  assert.ok(await isListed(lab));
  assert.ok(await hasTable(lab), "there are connections that it has translated");
  const { completed, broken } = await kept.finish();
  assert.deepEqual({ completed, broken }, { completed: 4, broken: 0 });
  await balancer.json(0, "reconcile");
  assert.ok(!await hasTable(lab), "there are none any more");
  const plan = await balancer.json<Moved>(0, "rollback", "--plan");
  assert.match(
    plan.notes.join("\n"),
    /web moves from ipvs to nft: established connections are balanced anew/,
  );
  const [back] = plan.impact;
  assert.deepEqual([back!.engine, back!.connections], [{ from: "ipvs", to: "nft" }, null]);
  await served(lab, () => balancer.json(0, "rollback"));
  assert.ok(await hasTable(lab) && !await isListed(lab));
});
