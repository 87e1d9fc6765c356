/**
 * `forward = "dr"` behind a router: clients are far away, on a way that takes smaller packets, and VIPs are
 * sent here by the router.
 */
import assert from "node:assert/strict";
import { vipAddress } from "../../lib/demo/layout.ts";
import { mustRun, removeNamespaces } from "../../lib/demo/namespace.ts";
import { FAMILIES, type Family } from "../../lib/model/address.ts";
import { process } from "../../lib/sys/process.ts";
import { door } from "./config.ts";
import { DIRECT, prepare, runIn } from "./dr_rig.ts";
import { kernelTests, type Lab } from "./harness.ts";
import { allAnswered, apply, must, refusesTcp, refusesUdp } from "./steps.ts";

const withLab = kernelTests({ backends: 3, one_arm: true });

/** Smaller than what backends send. */
const FAR_MTU = 1_300;

/** From ports of the kernel's choice: so many that it is no luck if each backend is met. */
const DOWNLOADS = 36;

const ROUTER_HOST = 254;

/** The same in each test: backends remember it. */
const ROUTER_MAC = "02:00:00:00:0f:01";

/** The network of the far client. */
const FAR = {
  4: { client: "192.0.2.10", router: "192.0.2.1", length: 24, network: "192.0.2.0/24" },
  6: { client: "2001:db8:c::10", router: "2001:db8:c::1", length: 64, network: "2001:db8:c::/64" },
} as const;

/** VIPs that only the router knows of. */
const ROUTED = { 4: "198.51.100.10", 6: "2001:db8:2::10" } as const;

/** @param act gets the namespace of the far client */
function test(name: string, act: (lab: Lab, far: string) => Promise<void>): void {
  withLab(name, async (lab) => {
    await prepare(lab);
    const { topology } = lab;
    const [far, router] = ["far", "rtr"].map((role) => topology.client.replace("cli", role));
    try {
      await layWay(lab, far!, router!);
      await act(lab, far!);
    } finally {
      // A namespace goes some time after its name has: the next test lays a wire of the same name.
      await topology.run(topology.wire, ["ip", "link", "delete", "rtr"]);
      await removeNamespaces(process, [far!, router!]);
    }
  });
}

/** far ── rtr ── wire, with a way back from balancer and backends. */
async function layWay(lab: Lab, far: string, router: string): Promise<void> {
  const { wire, balancer, backends } = lab.topology;
  for (const name of [far, router]) {
    await mustRun(process, ["ip", "netns", "add", name]);
    await runIn(lab, name, "ip", "link", "set", "lo", "up");
  }
  await batch(lab, wire, [
    `link add rtr type veth peer name eth0 address ${ROUTER_MAC} netns ${router}`,
    "link set rtr master wire up",
  ]);
  await batch(lab, router, [
    `link add far mtu ${FAR_MTU} type veth peer name eth0 netns ${far}`,
    ...interfaceLines("eth0", (family) => [vipAddress(family, ROUTER_HOST), "fe80::fe"]),
    ...interfaceLines("far", (family) => [FAR[family].router, "fe80::1"]),
    ...FAMILIES.map((family) =>
      `route add ${ROUTED[family]} via ${vipAddress(family, 1)} dev eth0`
    ),
  ]);
  await batch(lab, far, [
    ...interfaceLines("eth0", (family) => [FAR[family].client, "fe80::10"]),
    ...FAMILIES.map((family) => `route add default via ${FAR[family].router}`),
  ]);
  const forwarding = ["net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1"];
  await runIn(lab, router, "sysctl", "-q", "-w", ...forwarding);
  const back = FAMILIES.map((family) =>
    `route replace ${FAR[family].network} via ${vipAddress(family, ROUTER_HOST)}`
  );
  for (const namespace of [balancer, ...backends]) await batch(lab, namespace, back);
  for (const backend of backends) {
    const own = FAMILIES.map((family) => {
      return `address replace ${ROUTED[family]}/${family === 4 ? 32 : 128} dev lo`;
    });
    await batch(lab, backend, own);
    // What an earlier test learned of the way.
    await runIn(lab, backend, "ip", "route", "flush", "cache");
    await runIn(lab, backend, "ip", "-6", "route", "flush", "cache");
  }
}

function interfaceLines(
  name: string,
  addresses: (family: Family) => readonly [own: string, link_local: string],
): string[] {
  return [
    `link set ${name} addrgenmode none`,
    `link set ${name} up`,
    ...FAMILIES.flatMap((family) => {
      const [own, link_local] = addresses(family);
      const nodad = family === 6 ? " nodad" : "";
      const line = `address add ${own}/${FAR[family].length} dev ${name}${nodad}`;
      return family === 6 ? [`address add ${link_local}/64 dev ${name} nodad`, line] : [line];
    }),
  ];
}

async function batch({ topology }: Lab, namespace: string, lines: readonly string[]) {
  const stdin = `${lines.join("\n")}\n`;
  const { code, stderr } = await topology.run(namespace, ["ip", "-batch", "-"], { stdin });
  assert.equal(code, 0, stderr);
}

for (const family of FAMILIES) {
  test(
    `a backend hears that its packets are too large for the way, IPv${family}`,
    async (lab, far) => {
      await apply(lab, DIRECT);
      for (const backend of lab.topology.backends) {
        const known = await learnedMtu(lab, backend, family);
        assert.equal(known, undefined, "nothing is known of the way yet");
      }
      const spec = { doors: [door(family)], count: DOWNLOADS, seconds: 1 };
      const downloads = await lab.traffic.download(far, spec);
      assert.deepEqual(Object.keys(downloads.per_backend).sort(), ["b1", "b2", "b3"]);
      const { completed, errors } = await downloads.result;
      assert.deepEqual([completed, errors], [DOWNLOADS, {}]);
      for (const backend of lab.topology.backends) {
        assert.equal(await learnedMtu(lab, backend, family), FAR_MTU, backend);
      }
    },
  );

  test(
    `a VIP that a router sends: served, and refused on ports without a service, IPv${family}`,
    async (lab, far) => {
      await apply(lab, {
        ...DIRECT,
        vip: FAMILIES.map((each) => ROUTED[each]),
        more: `${DIRECT.more}\nvip_on = "none"`,
      });
      const vip = ROUTED[family];
      const spec = { doors: [{ address: vip, port: 80 }], count: 30 };
      const result = await lab.traffic.send(far, spec);
      allAnswered(result);
      assert.equal(Object.keys(result.per_backend).length, 3);
      await refusesTcp(lab, far, vip, 81);
      await refusesUdp(lab, far, vip, 80);
      assert.match(
        await must(lab, "nft", "list", "set", "netdev", "lb", `vip${family}`),
        /elements/,
      );
    },
  );
}

/** The path MTU a backend has learned towards the far client. */
async function learnedMtu(lab: Lab, backend: string, family: Family): Promise<number | undefined> {
  const text = await runIn(lab, backend, "ip", "route", "get", FAR[family].client);
  const mtu = /\bmtu (\d+)/.exec(text)?.[1];
  return mtu === undefined ? undefined : Number(mtu);
}
