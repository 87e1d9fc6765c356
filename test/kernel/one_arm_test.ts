import assert from "node:assert/strict";
import { vipAddress } from "../../lib/demo/layout.ts";
import { FAMILIES } from "../../lib/model/address.ts";
import { door, type ServiceText } from "./config.ts";
import { openAll } from "./drain_rig.ts";
import { kernelTests, type Lab } from "./harness.ts";
import { allAnswered, apply, must, refusesTcp, refusesUdp, send } from "./steps.ts";

const test = kernelTests({ backends: 2, one_arm: true });

const MASQUERADED: ServiceText = { weights: [1, 1], one_arm: true, more: "masquerade = true" };

/** Host numbers of the balancer and of the client on one arm. */
const BALANCER = 1;

async function neighbour(lab: Lab, address: string): Promise<string> {
  const { client } = lab.topology;
  return (await lab.topology.run(client, ["ip", "neigh", "show", address])).stdout;
}

async function balancerMac(lab: Lab): Promise<string> {
  const link = await must(lab, "ip", "-oneline", "link", "show", "back");
  return /link\/ether (\S+)/.exec(link)![1]!;
}

for (const family of FAMILIES) {
  const vip = vipAddress(family, 10);

  test(`a VIP is placed on the interface whose subnet it is in, and taken away again, IPv${family}`, async (lab) => {
    const list = () => must(lab, "ip", "-oneline", "address", "show", "dev", "back");
    const before = await list();
    await apply(lab, MASQUERADED);
    const single = `${vip}/${family === 4 ? 32 : 128}`;
    assert.ok((await list()).includes(single), `${single} is not on it`);
    const { code, stderr } = await lab.balancer.lb("uninstall", "--yes");
    assert.equal(code, 0, stderr);
    assert.equal(await list(), before);
  });

  test(`a placed VIP is announced: a neighbour who knew another holder learns the new one, IPv${family}`, async (lab) => {
    const { client } = lab.topology;
    const old = "02:00:00:00:00:01";
    const known = ["neigh", "replace", vip, "lladdr", old, "dev", "eth0", "nud", "stale"];
    await lab.topology.run(client, ["ip", ...known]);
    assert.match(await neighbour(lab, vip), new RegExp(old));
    await apply(lab, MASQUERADED);
    // Nothing was sent to it yet: only an announcement can have told the client.
    assert.match(await neighbour(lab, vip), new RegExp(await balancerMac(lab)));
  });

  test(`masquerade brings answers back on one arm, and hides the client, IPv${family}`, async (lab) => {
    await apply(lab, MASQUERADED);
    const result = await send(lab, { doors: [door(family)], count: 100 });
    allAnswered(result);
    assert.deepEqual(result.per_backend, { b1: 50, b2: 50 });
    const peer = await send(lab, { doors: [door(family)], count: 4, path: "/peer" });
    assert.deepEqual(peer.per_backend, { [vipAddress(family, BALANCER)]: 4 });
  });

  test(`doctor tells how many source ports masqueraded connections take, IPv${family}`, async (lab) => {
    await apply(lab, MASQUERADED);
    const held = await openAll(lab, family, { short: 0, long: 0, idle: 3 });
    try {
      const { headroom } = await lab.balancer.json<
        { headroom: { source_ports: { service: string; used: number; max: number }[] } }
      >(0, "doctor");
      const taken = headroom.source_ports.map(({ service, used, max }) => [service, used, max]);
      assert.deepEqual(taken.slice(0, 2), [["web", 3, 64_512], ["web", 3, 64_512]]);
    } finally {
      await held.close();
    }
  });

  test(`masquerade works for udp, IPv${family}`, async (lab) => {
    await apply(lab, { ...MASQUERADED, protocol: "udp", ports: "[53]" });
    const result = await send(lab, {
      protocol: "udp",
      doors: [door(family, 10, 53)],
      count: 40,
      sources: { first_port: 30_000 },
    });
    allAnswered(result);
    assert.deepEqual(result.per_backend, { b1: 20, b2: 20 });
  });

  test(`without masquerade one arm cannot work: the test above proves something, IPv${family}`, async (lab) => {
    await apply(lab, { ...MASQUERADED, more: "" });
    const spec = { doors: [door(family)], count: 2, timeout_ms: 500 };
    assert.equal((await send(lab, spec)).failed, 2);
  });

  test(`a backend that is a client of its own service gets every backend, itself too, IPv${family}`, async (lab) => {
    // Its neighbours would answer it directly: only a masqueraded connection comes back.
    await apply(lab, { ...MASQUERADED, more: "" });
    const spec = { doors: [door(family)], count: 40 };
    const result = await lab.traffic.send(lab.topology.backends[0]!, spec);
    allAnswered(result);
    assert.deepEqual(result.per_backend, { b1: 20, b2: 20 });
  });

  test(`a placed VIP refuses where there is no service, IPv${family}`, async (lab) => {
    await apply(lab, MASQUERADED);
    await refusesTcp(lab, lab.topology.client, vip, 81);
    await refusesUdp(lab, lab.topology.client, vip, 53);
  });

  test(`an address that was there before is left alone, IPv${family}`, async (lab) => {
    const single = `${vip}/${family === 4 ? 32 : 128}`;
    await must(lab, "ip", "address", "add", single, "dev", "back");
    await apply(lab, MASQUERADED);
    await lab.balancer.lb("uninstall", "--yes");
    const left = await must(lab, "ip", "-oneline", "address", "show", "dev", "back");
    assert.ok(left.includes(single), left);
  });
}
