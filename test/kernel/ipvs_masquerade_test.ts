/** Services on IPVS that masquerade: on one arm, where answers come back no other way. */
import assert from "node:assert/strict";
import { vipAddress } from "../../lib/demo/layout.ts";
import { FAMILIES } from "../../lib/model/address.ts";
import { door, type ServiceText } from "./config.ts";
import { kernelTests } from "./harness.ts";
import { apply, LONG, must, send } from "./steps.ts";

const test = kernelTests({ backends: 2, one_arm: true, need: "ipvs" });

const MASQUERADED: ServiceText = {
  ...{ weights: [1, 1], one_arm: true },
  more: 'engine = "ipvs"\nmasquerade = true',
};

/** Host numbers of the balancer and of b1 on one arm. */
const [BALANCER, FIRST_BACKEND] = [1, 11];

const CONNTRACK = "net.ipv4.vs.conntrack";

for (const family of FAMILIES) {
  test(`a backend sees the balancer's address, and answers come back, IPv${family}`, async (lab) => {
    await apply(lab, MASQUERADED);
    const result = await send(lab, { doors: [door(family)], count: 20, path: "/peer" });
    assert.equal(result.failed, 0);
    assert.deepEqual(result.per_backend, { [vipAddress(family, BALANCER)]: 20 });
  });

  test(`at weight 0 established connections go on, in both directions, IPv${family}`, async (lab) => {
    await apply(lab, MASQUERADED);
    const spec = { doors: [door(family)], count: 8, seconds: LONG };
    const downloads = await lab.traffic.download(lab.topology.client, spec);
    assert.deepEqual(downloads.per_backend, { b1: 4, b2: 4 });
    await apply(lab, { ...MASQUERADED, weights: [0, 1] });
    const states = await must(lab, "conntrack", "-L", "-f", `ipv${family}`, "-p", "tcp");
    const retired = states.split("\n")
      .filter((line) => line.includes(` src=${vipAddress(family, FIRST_BACKEND)} `));
    assert.equal(retired.length, 4, states);
    assert.ok(retired.every((line) => line.includes(" TIME_WAIT ")), `ports not free: ${states}`);
    const after = await send(lab, { doors: [door(family)], count: 10 });
    assert.deepEqual(after.per_backend, { b2: 10 });
    const { completed, broken, errors } = await downloads.finish();
    assert.deepEqual({ completed, broken, errors }, { completed: 8, broken: 0, errors: {} });
  });
}

test("without masquerade one arm cannot work: the tests above prove something", async (lab) => {
  await apply(lab, { ...MASQUERADED, more: 'engine = "ipvs"' });
  const spec = { doors: [door(4)], count: 2, timeout_ms: 500 };
  assert.equal((await send(lab, spec)).failed, 2);
});

test("rules and sysctls come and go with it, and rules that somebody took away come back", async (lab) => {
  const rules = async () =>
    (await must(lab, "iptables-legacy-save")) + (await must(lab, "nft", "list", "ruleset"));
  const value = async () => (await must(lab, "sysctl", "-n", CONNTRACK)).trim();
  await apply(lab, MASQUERADED);
  assert.match(await rules(), /masquerade/i);
  assert.equal(await value(), "1");
  const removals = ["nft delete table ip lb-ipvs", "iptables-legacy -t nat -F POSTROUTING"];
  for (const line of removals) await lab.balancer.run(line.split(" "));
  const { stdout } = await lab.balancer.lb("reconcile");
  assert.match(stdout, /rules of (nft table ip lb-ipvs|iptables-legacy table nat)/);
  const result = await send(lab, { doors: [door(4)], count: 4 });
  assert.equal(result.failed, 0);
  await apply(lab, { ...MASQUERADED, more: 'engine = "ipvs"' });
  assert.equal(await value(), "0");
  assert.match(await rules(), /notrack/);
  const { code, stderr } = await lab.balancer.lb("uninstall", "--yes");
  assert.equal(code, 0, stderr);
  assert.doesNotMatch(await rules(), /lb-ipvs/i);
});
