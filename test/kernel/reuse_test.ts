/** No connection set up by lb waits the second that IPVS is known for, and none goes to a dead backend. */
import assert from "node:assert/strict";
import { SLOW_MS } from "../../lib/demo/role/spec.ts";
import { type Outcome, type Scenario, SCENARIOS, withServers } from "./delay_rig.ts";
import { byHand, byLb, RULES, type Setup } from "./delay_setups.ts";
import { kernelTests } from "./harness.ts";
import { PATIENCE } from "./patience.ts";

const test = kernelTests({ backends: 2, need: "ipvs" });

/**
 * What takes longer has waited for a SYN that was lost: whatever the machine, linux sends it again after a
 * second at the earliest (TCP_TIMEOUT_INIT). An emulated processor may hold up a connection for half of that.
 */
const LIMIT_MS = PATIENCE > 1 ? 900 : SLOW_MS;

/** Connections in each scenario: of few ports, or, where something happens once, of many. */
const [FEW, MANY] = [{ ports: 20, rounds: 10 }, { ports: 200, rounds: 1 }];

/** One after the other waits, and after 10 s IPVS has forgotten what it took for ended. */
const SLOW = { ports: 6, rounds: 1 };

test("set up as kube-proxy does it, every connection that follows silence waits a second", async (lab) => {
  const [scenario] = SCENARIOS.filter(({ how, then }) => how === "reset" && !then);
  await withServers(lab, async (run) => {
    const kubeProxy = byHand("kube-proxy's settings", RULES.counting);
    const [outcome] = await run(kubeProxy, [scenario!], SLOW);
    assert.equal(slowOf(outcome!), SLOW.ports, `${outcome!.times_ms}`);
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
      for (const [changes, scenarios] of Map.groupBy(SCENARIOS, ({ then }) => then !== undefined)) {
        const outcomes = await run(setup, scenarios, changes ? MANY : FEW);
        scenarios.forEach((scenario, index) => check(setup, scenario, outcomes[index]!));
      }
    });
  });
}

function check({ name }: Setup, { what }: Scenario, outcome: Outcome): void {
  const { times_ms: times, dead } = outcome;
  console.log(`${name}, ${what}: the longest of ${times.length} took ${Math.max(...times)} ms`);
  assert.deepEqual({ slow: slowOf(outcome), dead }, { slow: 0, dead: 0 }, what);
}

function slowOf({ times_ms }: Outcome): number {
  return times_ms.filter((time) => time > LIMIT_MS).length;
}
