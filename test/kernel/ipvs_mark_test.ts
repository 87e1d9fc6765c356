/** Services that IPVS knows by a mark: several ports as one, ranges, all ports, prefixes. */
import assert from "node:assert/strict";
import { clientSource, vipAddress } from "../../lib/demo/layout.ts";
import { FAMILIES, type Family } from "../../lib/model/address.ts";
import type { ServiceText } from "./config.ts";
import { kernelTests, type Lab } from "./harness.ts";
import { apply, LONG, must, refusesTcp, send } from "./steps.ts";

const test = kernelTests({ backends: 3, need: "ipvs" });

const ON_IPVS = 'engine = "ipvs"';

const NETWORKS = { 4: "203.0.113.64/28", 6: "2001:db8:1:40::/64" } as const;
const INSIDE = { 4: "203.0.113.70", 6: "2001:db8:1:40::7" } as const;

/** Without a port of the backends: clients' own is kept. */
function services(family: Family): ServiceText[] {
  const common = { families: [family], port: 0, more: ON_IPVS };
  return [
    {
      ...common,
      ...{ name: "shop", ports: "[80, 443]", weights: [1, 1, 1] },
      more: `${ON_IPVS}\npersistence = "300s"`,
    },
    { ...common, name: "range", vips: [11], ports: '["8000-8002"]', weights: [3, 1] },
    { ...common, name: "exact", vips: [11], ports: "[8001]", weights: [undefined, undefined, 1] },
    {
      ...common,
      name: "net",
      vip: [NETWORKS[family]],
      ports: '"all"',
      weights: [1, 1],
      port: 8080,
    },
  ];
}

async function answersOf(lab: Lab, address: string, ports: number[], count: number, many = 1) {
  const { answers, per_backend, errors } = await send(lab, {
    doors: ports.map((port) => ({ address, port })),
    ...{ count, concurrency: 1 },
    sources: {
      addresses: Array.from({ length: many }, (_, at) => clientSource(familyOf(address), at)),
    },
  });
  assert.deepEqual(errors, {});
  return { answers, per_backend };
}

function familyOf(address: string): Family {
  return address.includes(":") ? 6 : 4;
}

/** What `ipvsadm -Ln` calls its services: `FWM 13396736`, `TCP 203.0.113.10:80`. */
async function kinds(lab: Lab): Promise<string[]> {
  const lines = (await must(lab, "ipvsadm", "-Ln")).split("\n");
  return lines.filter((line) => /^(?:FWM|TCP)/.test(line)).map((line) => line.slice(0, 3));
}

async function localRoutes(lab: Lab, family: Family): Promise<string> {
  return await must(lab, "ip", `-${family}`, "route", "show", "table", "local");
}

for (const family of FAMILIES) {
  test(`several ports, ranges, all ports and prefixes are balanced by a mark, IPv${family}`, async (lab) => {
    const before = await localRoutes(lab, family);
    const { services: placed } = await apply(lab, ...services(family));
    assert.deepEqual(new Set(placed.map(({ engine }) => engine)), new Set(["ipvs"]));
    assert.deepEqual((await kinds(lab)).sort(), ["FWM", "FWM", "FWM", "TCP"]);

    const web = await answersOf(lab, vipAddress(family, 10), [80], 9, 9);
    const secure = await answersOf(lab, vipAddress(family, 10), [443], 9, 9);
    assert.deepEqual(secure.answers, web.answers, "a client stays, whatever the port");
    assert.deepEqual(web.per_backend, { b1: 3, b2: 3, b3: 3 });

    const range = await answersOf(lab, vipAddress(family, 11), [8000, 8002], 16);
    assert.deepEqual(range.per_backend, { b1: 12, b2: 4 });
    const exact = await answersOf(lab, vipAddress(family, 11), [8001], 3);
    assert.deepEqual(exact.per_backend, { b3: 3 }, "the exact one wins");
    await refusesTcp(lab, lab.topology.client, vipAddress(family, 11), 8003);

    const net = await answersOf(lab, INSIDE[family], [80, 12_345], 8);
    assert.deepEqual(net.per_backend, { b1: 4, b2: 4 });

    const again = await lab.balancer.json<{ changed: boolean }>(0, "apply");
    assert.equal(again.changed, false, JSON.stringify(again));
    await lab.balancer.json(0, "uninstall", "--yes");
    assert.deepEqual(await kinds(lab), []);
    assert.equal(await localRoutes(lab, family), before);
  });
}

test("a mark that others gave a packet routes it, and does not keep it from its service", async (lab) => {
  await apply(lab, ...services(4));
  const rule = ["-t", "mangle", "-A", "PREROUTING", "-j", "MARK", "--set-mark", "0x7"];
  await must(lab, "iptables-legacy", ...rule);
  try {
    const range = await answersOf(lab, vipAddress(4, 11), [8000, 8002], 8);
    assert.deepEqual(range.per_backend, { b1: 6, b2: 2 });
    const exact = await answersOf(lab, vipAddress(4, 11), [8001], 3);
    assert.deepEqual(exact.per_backend, { b3: 3 });
  } finally {
    await must(lab, "iptables-legacy", ...rule.with(2, "-D"));
  }
});

test("a mark's backend that goes keeps its connections, and a route that was taken away comes back", async (lab) => {
  await apply(lab, ...services(4));
  const door = { address: vipAddress(4, 11), port: 8000 };
  const downloads = await lab.traffic.download(lab.topology.client, {
    doors: [door],
    count: 4,
    seconds: LONG,
  });
  assert.deepEqual(downloads.per_backend, { b1: 3, b2: 1 });
  const without = services(4).map((one) =>
    one.name === "range" ? { ...one, weights: [3, undefined] } : one
  );
  await apply(lab, ...without);
  const after = await answersOf(lab, door.address, [8000, 8002], 4);
  assert.deepEqual(after.per_backend, { b1: 4 });
  await must(lab, "ip", "route", "delete", "local", NETWORKS[4], "dev", "lo");
  const { drift } = await lab.balancer.json<{ drift: string[] }>(1, "reconcile");
  assert.deepEqual(drift, [`lo ${NETWORKS[4]}`]);
  await answersOf(lab, INSIDE[4], [80], 2);
  const { completed, broken } = await downloads.finish();
  assert.deepEqual({ completed, broken }, { completed: 4, broken: 0 });
});
