import assert from "node:assert/strict";
import { differences, lookAround } from "../../lib/demo/witness.ts";
import { FAMILIES } from "../../lib/model/address.ts";
import { door, type ServiceText, serviceText } from "./config.ts";
import { kernelTests, type Lab } from "./harness.ts";
import { allAnswered, type Applied, apply, must, send } from "./steps.ts";

const test = kernelTests({ backends: 3 });

const CRASHES = 20;

const FOREIGN = `table inet filter {
  chain in { type filter hook input priority 0; tcp dport 22 counter accept; }
}`;

const FIRST: ServiceText = { weights: [1, 1], more: 'vip_on = "front"' };
const SECOND: ServiceText[] = [
  { weights: [1, 2, 1], more: 'vip_on = "back"\nmasquerade = true' },
  { name: "other", vips: [11], weights: [1], scheduler: "maglev" },
];

function write({ balancer }: Lab, services: readonly ServiceText[]): void {
  balancer.writeConfig(services.map(serviceText).join(""));
}

/** Starts `lb apply` and kills it (SIGKILL) after a time. @returns whether it was still running */
async function applyAndKill(lab: Lab, after_ms: number): Promise<boolean> {
  const apply = lab.traffic.program(lab.topology.balancer, lab.balancer.argv("apply"));
  const timer = setTimeout(() => apply.kill(), after_ms);
  const { code } = await apply.ended;
  clearTimeout(timer);
  return code === 128 + 9;
}

/** How long an apply takes that is not disturbed. */
async function usualDuration_ms(lab: Lab): Promise<number> {
  write(lab, SECOND);
  const began = performance.now();
  assert.equal(await applyAndKill(lab, 60_000), false);
  return performance.now() - began;
}

/** The kernel holds what the config says: so say packets, and the next apply. */
async function hasConverged(lab: Lab): Promise<void> {
  assert.equal((await lab.balancer.json<Applied>(0, "apply")).changed, false);
  const result = await send(lab, { doors: FAMILIES.map((family) => door(family)), count: 80 });
  allAnswered(result);
  assert.deepEqual(result.per_backend, { b1: 20, b2: 40, b3: 20 });
}

test(`kill -9 at ${CRASHES} moments of an apply: the next one converges, nothing foreign is lost`, async (lab) => {
  await lab.balancer.run(["nft", "-f", "-"], { stdin: FOREIGN });
  const foreign = () => must(lab, "nft", "-s", "-a", "list", "table", "inet", "filter");
  const [table, before] = [await foreign(), await lookAround(lab.balancer.run)];
  const duration_ms = await usualDuration_ms(lab);
  await lab.balancer.lb("uninstall", "--yes");
  let killed = 0;
  for (let crash = 0; crash < CRASHES; crash++) {
    // Half of them from nothing, half from another config; all parts of an apply get their share.
    if (crash % 2 === 1) await apply(lab, FIRST);
    write(lab, SECOND);
    const after_ms = duration_ms * (crash + Math.random()) / CRASHES;
    if (await applyAndKill(lab, after_ms)) killed++;
    const { code, stderr } = await lab.balancer.lb("apply");
    assert.equal(code, 0, `after a kill at ${Math.round(after_ms)} ms: ${stderr}`);
    await hasConverged(lab);
    assert.equal(await foreign(), table);
    await lab.balancer.lb("uninstall", "--yes");
    const left = differences(before, await lookAround(lab.balancer.run));
    assert.deepEqual(left, [], `uninstall after a kill at ${Math.round(after_ms)} ms`);
  }
  assert.ok(killed >= CRASHES / 2, `only ${killed} of ${CRASHES} were still running when killed`);
});

test("a run that was killed holds no lock", async (lab) => {
  write(lab, [FIRST]);
  const duration_ms = await usualDuration_ms(lab);
  write(lab, [FIRST]);
  await applyAndKill(lab, duration_ms * 0.7);
  assert.equal((await lab.balancer.lb("apply", "--lock-timeout", "0s")).code, 0);
});

test("connections go on while applies are killed", async (lab) => {
  await apply(lab, { weights: [1, 1] });
  const doors = [door(4), door(6)];
  const downloads = await lab.traffic.download(lab.topology.client, {
    doors,
    count: 20,
    seconds: 5,
  });
  for (const after_ms of [150, 200, 250, 300, 350]) {
    write(lab, [{ weights: [1, 1 + after_ms % 7, 1] }]);
    await applyAndKill(lab, after_ms);
  }
  assert.equal((await lab.balancer.lb("apply")).code, 0);
  allAnswered(await send(lab, { doors, count: 100 }));
  assert.deepEqual((await downloads.result).errors, {});
});
