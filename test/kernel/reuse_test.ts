/** No connection set up by lb waits the second that IPVS is known for, and none goes to a dead backend. */
import assert from "node:assert/strict";
import { SLOW_MS } from "../../lib/demo/role/spec.ts";
import {
  byHand,
  byLb,
  RULES,
  type Scenario,
  SCENARIOS,
  type Setup,
  withServers,
} from "./delay_rig.ts";
import { kernelTests } from "./harness.ts";

const test = kernelTests({ backends: 2, need: "ipvs" });

/** Connections in each scenario: of few ports, or, where something happens once, of many. */
const [FEW, MANY] = [{ ports: 20, rounds: 10 }, { ports: 200, rounds: 1 }];

/** One after the other waits, and after 10 s IPVS has forgotten what it took for ended. */
const SLOW = { ports: 6, rounds: 1 };

test("set up as kube-proxy does it, every connection that follows silence waits a second", async (lab) => {
  const [scenario] = SCENARIOS.filter(({ how, then }) => how === "reset" && !then);
  await withServers(lab, async (run) => {
    const kubeProxy = byHand("kube-proxy's settings", RULES.counting);
    const { times_ms } = await run(kubeProxy, scenario!, SLOW);
    assert.equal(times_ms.filter((time) => time > SLOW_MS).length, SLOW.ports, `${times_ms}`);
  });
});

/** By what else is on the machine, and what the service asks for. */
const SETUPS: readonly Setup[] = [
  byLb("without conntrack", { before: RULES.counting }),
  byLb("beside rules that look at states", { before: RULES.deciding }),
  byLb("masqueraded", { before: RULES.counting, more: "masquerade = true" }),
];

for (const setup of SETUPS) {
  test(`set up by lb, none waits and none goes to the dead: ${setup.name}`, async (lab) => {
    await withServers(lab, async (run) => {
      for (const scenario of SCENARIOS) await check(run, setup, scenario);
    });
  });
}

async function check(
  run: Parameters<Parameters<typeof withServers>[1]>[0],
  setup: Setup,
  scenario: Scenario,
): Promise<void> {
  const { times_ms, dead } = await run(setup, scenario, scenario.then ? MANY : FEW);
  const slow = times_ms.filter((time) => time > SLOW_MS).length;
  console.log(
    `${setup.name}, ${scenario.what}: ${slow} of ${times_ms.length} slow, ${dead} to the dead`,
  );
  assert.deepEqual({ slow, dead }, { slow: 0, dead: 0 }, scenario.what);
}
