import assert from "node:assert/strict";
import { clientSource } from "../../lib/demo/layout.ts";
import { FAMILIES, type Family } from "../../lib/model/address.ts";
import { door, scaleName } from "./config.ts";
import { kernelTests, type Lab } from "./harness.ts";
import { allAnswered, apply, send } from "./steps.ts";

const BACKENDS = 10;

const test = kernelTests({ backends: BACKENDS });

const FLOWS = 3_000;

/** Which backend each of the same many flows is sent to. */
async function choices(lab: Lab, family: Family): Promise<readonly string[]> {
  const addresses = Array.from({ length: 100 }, (_, index) => clientSource(family, index));
  const result = await send(lab, {
    doors: [door(family)],
    count: FLOWS,
    sources: { addresses, first_port: 20_000 },
  });
  allAnswered(result);
  return result.answers;
}

for (const family of FAMILIES) {
  test(`removing one of ${BACKENDS} under maglev moves hardly a flow that need not move, IPv${family}`, async (lab) => {
    await apply(lab, { weights: Array(BACKENDS).fill(1), scheduler: "maglev", families: [family] });
    const before = await choices(lab, family);
    assert.deepEqual(await choices(lab, family), before, "a choice is a function of the flow");
    await lab.balancer.json(0, "scale", "web", "--remove", scaleName(family, 3), "--now");
    const after = await choices(lab, family);
    const others = before.flatMap((name, index) => name === "b4" ? [] : [index]);
    const moved = others.filter((index) => after[index] !== before[index]).length;
    assert.ok(!after.includes("b4"));
    assert.ok(others.length < FLOWS * 0.92 && others.length > FLOWS * 0.88, `${others.length}`);
    assert.ok(moved <= FLOWS * 0.03, `${moved} of ${FLOWS} flows moved without need`);
    await lab.balancer.json(0, "scale", "web", "--add", `${scaleName(family, 3)}=1`);
    assert.deepEqual(await choices(lab, family), before, "back again, it gets back what it had");
  });

  test(`two balancers with the same config choose the same under maglev, IPv${family}`, async (lab) => {
    const service = { scheduler: "maglev", families: [family] };
    await apply(lab, { ...service, weights: Array(BACKENDS).fill(1) });
    const first = await choices(lab, family);
    // Another node: no memory of the first, ids given out in another order.
    assert.equal((await lab.balancer.lb("uninstall", "--yes", "--purge")).code, 0);
    await apply(lab, { ...service, name: "other", vips: [9], weights: [1, 1, 1] });
    await apply(lab, { ...service, weights: Array(BACKENDS).fill(1) });
    assert.deepEqual(await choices(lab, family), first);
  });
}
