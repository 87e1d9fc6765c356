/** What `lb why` and a plan say of `forward = "dr"`, where no table knows connections. */
import assert from "node:assert/strict";
import { backendAddress } from "../../lib/demo/layout.ts";
import { FAMILIES } from "../../lib/model/address.ts";
import { door } from "./config.ts";
import { clientAddress, DIRECT, tests } from "./dr_rig.ts";
import { planned } from "./impact_rig.ts";
import { allAnswered, apply, send } from "./steps.ts";
import { linesOf, why } from "./why_rig.ts";

const test = tests();

const COUNT = 60;

for (const family of FAMILIES) {
  test(`each of ${COUNT} clients goes where lb why says, before it connects and after, IPv${family}`, async (lab) => {
    await apply(lab, { ...DIRECT, weights: [3, 1, 1] });
    const sources = { addresses: [clientAddress(family)], first_port: 30_000 };
    const lines = linesOf(sources, family, COUNT);
    const flows = await why(lab, lines);
    const told = flows.map(({ backend }) =>
      `b${[0, 1, 2].find((one) => backendAddress(family, one, true) === backend!.address)! + 1}`
    );
    const result = await send(lab, {
      doors: [door(family)],
      count: COUNT,
      concurrency: 1,
      sources,
    });
    allAnswered(result);
    assert.deepEqual(result.answers, told);
    assert.deepEqual(await why(lab, lines), flows, "nothing knows that they were here");
  });
}

test("a plan says which part moves, and that nobody can count", async (lab) => {
  await apply(lab, { ...DIRECT, weights: [1, 1, 1] });
  const backend = backendAddress(4, 0, true);
  const [impact] = await planned(lab, "scale", "web", "--weight", `${backend}=5`);
  assert.equal(impact!.connections, null);
  assert.match(impact!.reason, /dr keeps no table/);
  assert.ok(impact!.slots_remapped! > 0);
});
