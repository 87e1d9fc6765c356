import assert from "node:assert/strict";
import { vipAddress } from "../../lib/demo/layout.ts";
import { FAMILIES, type Family } from "../../lib/model/address.ts";
import { door } from "./config.ts";
import { kernelTests, type Lab } from "./harness.ts";
import { allAnswered, apply, must, refusesTcp, refusesUdp, send } from "./steps.ts";

const test = kernelTests({ backends: 2 });

/** A prefix around VIP 10, and its first and last address. */
const PREFIX = {
  4: { text: "203.0.113.0/28", ends: ["203.0.113.0", "203.0.113.15"], beside: "203.0.113.16" },
  6: {
    text: "2001:db8:1::/120",
    ends: ["2001:db8:1::", "2001:db8:1::ff"],
    beside: "2001:db8:1::100",
  },
} as const;

const VIP = [PREFIX[4].text, PREFIX[6].text];

async function answers(lab: Lab, family: Family, host: number, port: number, count = 20) {
  const result = await send(lab, { doors: [door(family, host, port)], count });
  allAnswered(result);
  return result.per_backend;
}

for (const family of FAMILIES) {
  const { ends, beside } = PREFIX[family];

  test(`every address of a VIP prefix is served, its first and last too, IPv${family}`, async (lab) => {
    await apply(lab, { vip: VIP, weights: [3, 1] });
    const doors = [...ends, vipAddress(family, 9)].map((address) => ({ address, port: 80 }));
    const result = await send(lab, { doors, count: 120 });
    allAnswered(result);
    assert.deepEqual(result.per_backend, { b1: 90, b2: 30 });
    await refusesTcp(lab, lab.topology.client, ends[1], 81);
    await refusesUdp(lab, lab.topology.client, ends[1], 80);
    // Outside of it nobody answers: it leaves by the default route, back to the client.
    const spec = { doors: [{ address: beside, port: 80 }], count: 1, timeout_ms: 300 };
    assert.equal((await send(lab, spec)).failed, 1);
    const seen = await must(lab, "conntrack", "-L", "-f", `ipv${family}`, "-d", beside);
    assert.doesNotMatch(seen, /mark=[1-9]/, "and lb has nothing to do with it");
  });

  test(`the balancer itself reaches every address of a VIP prefix, IPv${family}`, async (lab) => {
    await apply(lab, { vip: VIP, weights: [1, 1] });
    const doors = ends.map((address) => ({ address, port: 80 }));
    const result = await lab.traffic.send(lab.topology.balancer, { doors, count: 40 });
    allAnswered(result);
    assert.deepEqual(result.per_backend, { b1: 20, b2: 20 });
    await refusesTcp(lab, lab.topology.balancer, ends[0], 81);
  });

  test(`the client's port is kept within a range, and 65,535 is the last one, IPv${family}`, async (lab) => {
    await apply(
      lab,
      { ports: '["8000-8002", "60000-65535"]', port: 0, weights: [1] },
      { name: "other", vips: [11], ports: '["60000-65535"]', port: 8080, weights: [0, 1] },
    );
    for (const port of [8000, 8002]) {
      assert.deepEqual(await answers(lab, family, 10, port), { b1: 20 });
    }
    for (const port of [60_000, 65_535]) {
      assert.deepEqual(await answers(lab, family, 11, port), { b2: 20 });
    }
    await refusesTcp(lab, lab.topology.client, vipAddress(family, 10), 8003);
    // Nobody listens there: 20 + 20 + 3 were counted, so it is the backend that refuses.
    await refusesTcp(lab, lab.topology.client, vipAddress(family, 10), 65_535);
    assert.match(await must(lab, "nft", "list", "counters", "table", "inet", "lb"), /packets 43 /);
  });

  test(`all ports are one service, but for the exact one of another, IPv${family}`, async (lab) => {
    await apply(
      lab,
      { ports: '"all"', port: 0, weights: [1] },
      { name: "exact", ports: "[443]", port: 8080, weights: [0, 1] },
    );
    for (const port of [80, 8000, 8080]) {
      assert.deepEqual(await answers(lab, family, 10, port), { b1: 20 }, `port ${port}`);
    }
    assert.deepEqual(await answers(lab, family, 10, 443), { b2: 20 });
    await refusesUdp(lab, lab.topology.client, vipAddress(family, 10), 53);
  });

  test(`the exact service inside a prefix and range wins, and leaves all else to it, IPv${family}`, async (lab) => {
    await apply(
      lab,
      { name: "wide", vip: VIP, ports: '["8000-8002"]', port: 0, weights: [1] },
      { name: "exact", ports: "[8001]", port: 8080, weights: [0, 1] },
    );
    assert.deepEqual(await answers(lab, family, 10, 8001), { b2: 20 });
    assert.deepEqual(await answers(lab, family, 10, 8000), { b1: 20 });
    assert.deepEqual(await answers(lab, family, 9, 8001), { b1: 20 });
  });

  test(`prefixes that contain each other serve their own ports, and outlive each other, IPv${family}`, async (lab) => {
    const narrow = { name: "narrow", vip: VIP, ports: "[443]", weights: [1] };
    const wide = {
      name: "wide",
      vip: ["203.0.113.0/24", "2001:db8:1::/64"],
      ports: "[80]",
      weights: [0, 1],
    };
    await apply(lab, wide, narrow);
    assert.deepEqual(await answers(lab, family, 10, 443), { b1: 20 });
    assert.deepEqual(await answers(lab, family, 10, 80), { b2: 20 });
    await apply(lab, narrow);
    assert.deepEqual(await answers(lab, family, 10, 443), { b1: 20 });
    await refusesTcp(lab, lab.topology.client, vipAddress(family, 10), 80);
    await apply(lab, wide, narrow);
    assert.deepEqual(await answers(lab, family, 10, 80), { b2: 20 });
  });

  test(`backends may live inside the VIP prefix, IPv${family}`, async (lab) => {
    const vip = ["198.51.100.0/24", "2001:db8:b::/64"];
    await apply(lab, { vip, weights: [1, 1], more: 'vip_on = "none"' });
    const address = family === 4 ? "198.51.100.200" : "2001:db8:b::200";
    for (const namespace of [lab.topology.client, lab.topology.balancer]) {
      const spec = { doors: [{ address, port: 80 }], count: 20 };
      const result = await lab.traffic.send(namespace, spec);
      allAnswered(result);
      assert.deepEqual(result.per_backend, { b1: 10, b2: 10 });
    }
  });

  test(`a prefix without a backend of its family refuses at once, IPv${family}`, async (lab) => {
    const other = family === 4 ? 6 : 4;
    await apply(lab, { vip: VIP, families: [other], weights: [1], more: 'persistence = "5m"' });
    await refusesTcp(lab, lab.topology.client, ends[1], 80);
    assert.deepEqual(await answers(lab, other, 10, 80), { b1: 20 });
  });
}
