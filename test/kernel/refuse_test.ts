import assert from "node:assert/strict";
import { vipAddress } from "../../lib/demo/layout.ts";
import { FAMILIES } from "../../lib/model/address.ts";
import { door, serviceText } from "./config.ts";
import { kernelTests, type Lab } from "./harness.ts";
import { allAnswered, apply, must, refusesTcp, refusesUdp, send } from "./steps.ts";

const test = kernelTests({ backends: 2 });

/** A service on tcp 80 and udp 53 of the same VIPs. */
async function applyBoth(lab: Lab, weights: (number | undefined)[], more = ""): Promise<void> {
  await apply(
    lab,
    { weights, more },
    { name: "dns", protocol: "udp", ports: "[53]", weights, more },
  );
}

for (const family of FAMILIES) {
  const vip = vipAddress(family, 10);

  test(`a VIP's port without a service refuses at once, IPv${family}`, async (lab) => {
    await applyBoth(lab, [1]);
    const { client } = lab.topology;
    await refusesTcp(lab, client, vip, 81);
    await refusesUdp(lab, client, vip, 54);
    // The same number, the other protocol.
    await refusesTcp(lab, client, vip, 53);
    await refusesUdp(lab, client, vip, 80);
  });

  test(`a VIP placed on the balancer refuses in the same way, IPv${family}`, async (lab) => {
    await applyBoth(lab, [1], 'vip_on = "front"');
    const { client } = lab.topology;
    await refusesTcp(lab, client, vip, 81);
    await refusesUdp(lab, client, vip, 54);
    allAnswered(await send(lab, { doors: [door(family)], count: 20 }));
  });

  test(`a service whose backends all have weight 0 refuses at once, IPv${family}`, async (lab) => {
    await applyBoth(lab, [0, 0]);
    await refusesTcp(lab, lab.topology.client, vip, 80);
    await refusesUdp(lab, lab.topology.client, vip, 53);
  });

  test(`a service without a backend refuses at once, IPv${family}`, async (lab) => {
    await applyBoth(lab, []);
    await refusesTcp(lab, lab.topology.client, vip, 80);
    await refusesUdp(lab, lab.topology.client, vip, 53);
  });

  test(`the balancer itself is served like a client, IPv${family}`, async (lab) => {
    await applyBoth(lab, [3, 1]);
    const { traffic, topology } = lab;
    const spec = { doors: [door(family)], count: 40 };
    const tcp = await traffic.send(topology.balancer, spec);
    allAnswered(tcp);
    assert.deepEqual(tcp.per_backend, { b1: 30, b2: 10 });
    const udp = await traffic.send(topology.balancer, {
      protocol: "udp",
      doors: [door(family, 10, 53)],
      count: 40,
      sources: { first_port: 30_000 },
    });
    allAnswered(udp);
    assert.deepEqual(udp.per_backend, { b1: 30, b2: 10 });
  });

  test(`the balancer itself is refused like a client, IPv${family}`, async (lab) => {
    await applyBoth(lab, [1]);
    const { topology } = lab;
    await refusesTcp(lab, topology.balancer, vip, 81);
    await refusesUdp(lab, topology.balancer, vip, 54);
  });

  test(`a VIP without a backend of its family is warned of and refuses, IPv${family}`, async (lab) => {
    const other = family === 4 ? 6 : 4;
    const text = serviceText({ weights: [1], families: [other] });
    lab.balancer.writeConfig(text.replace("vip = [", `vip = ["${vip}", `));
    const { code, stderr } = await lab.balancer.lb("apply");
    assert.equal(code, 0, stderr);
    assert.match(stderr, new RegExp(`warning.*no backend has an IPv${family} address`));
    await refusesTcp(lab, lab.topology.client, vip, 80);
    allAnswered(await send(lab, { doors: [door(other)], count: 10 }));
  });
}

test("what goes past the VIPs is none of lb's business", async (lab) => {
  await applyBoth(lab, [1]);
  // Straight to a backend, through the balancer as a router.
  const direct = await send(lab, { doors: [{ address: "198.51.100.12", port: 8080 }], count: 10 });
  assert.deepEqual(direct.per_backend, { b2: 10 });
  assert.doesNotMatch(await must(lab, "conntrack", "-L", "-s", "198.51.100.12"), /mark=[1-9]/);
});
