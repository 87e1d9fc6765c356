import assert from "node:assert/strict";
import { backendAddress, CLIENT, vipAddress } from "../../lib/demo/layout.ts";
import { FAMILIES, type Family } from "../../lib/model/address.ts";
import { kernelTests, type Lab } from "./harness.ts";
import type { Injection } from "./inject_inside.ts";
import { apply, must } from "./steps.ts";

const test = kernelTests({ backends: 1 });

/**
 * Spread over all sequence numbers. Those ahead of the window are INVALID, about half; those behind it
 * could be late copies, and conntrack lets them through.
 */
const SEQUENCES = [0, 0x20000000, 0x40000000, 0x60000000, 0x80000000, 0xa0000000, 0xc0000000];

/**
 * Counts what comes to the client that must not: from backends under their own name, which its kernel
 * would reset, and to VIPs, which the balancer would have sent back by its default route.
 */
const CLIENT_COUNTER = `table inet witness {
  chain pre { type filter hook prerouting priority -300
    ip saddr 198.51.100.0/24 meta l4proto tcp counter
    ip6 saddr 2001:db8:b::/64 meta l4proto tcp counter
    ip daddr 203.0.113.0/24 meta l4proto tcp counter
    ip6 daddr 2001:db8:1::/64 meta l4proto tcp counter
  }
}`;

/** Counts what conntrack finds invalid, before lb sees it. */
const BALANCER_COUNTER = `table inet witness {
  chain pre { type filter hook prerouting priority -160
    ct state invalid counter
  }
}`;

interface Link {
  readonly ifindex: number;
  readonly address: string;
}

async function linkOf(lab: Lab, namespace: string, name: string): Promise<Link> {
  const { stdout } = await lab.topology.run(namespace, ["ip", "-json", "link", "show", name]);
  return (JSON.parse(stdout) as Link[])[0]!;
}

type End = Injection["from"];

/** Segments of a connection that are not in its window, from one namespace to the balancer. */
async function inject(
  lab: Lab,
  from: { readonly namespace: string; readonly end: End },
  to: { readonly interface: string; readonly end: End },
): Promise<void> {
  const own = await linkOf(lab, from.namespace, "eth0");
  const injection: Injection = {
    ifindex: own.ifindex,
    from_mac: own.address,
    to_mac: (await linkOf(lab, lab.topology.balancer, to.interface)).address,
    from: from.end,
    to: to.end,
    sequences: SEQUENCES,
  };
  const script = new URL("inject_inside.ts", import.meta.url).pathname;
  const argv = [Deno.execPath(), "run", "-A", script, JSON.stringify(injection)];
  const { code, stderr } = await lab.topology.run(from.namespace, argv);
  assert.equal(code, 0, stderr);
}

/** Asserts that conntrack found the segments invalid, and that the client has seen none of them. */
async function wereDropped(lab: Lab): Promise<void> {
  const invalid = await packetsCounted(lab, lab.topology.balancer);
  assert.ok(invalid >= 2, `${invalid} segments were invalid: nothing was shown`);
  assert.equal(await packetsCounted(lab, lab.topology.client), 0);
}

async function packetsCounted(lab: Lab, namespace: string): Promise<number> {
  const { stdout } = await lab.topology.run(namespace, ["nft", "list", "table", "inet", "witness"]);
  return [...stdout.matchAll(/packets (\d+)/g)].reduce((sum, [, count]) => sum + Number(count), 0);
}

async function watch(lab: Lab): Promise<void> {
  const { client, balancer } = lab.topology;
  await lab.topology.run(client, ["nft", "flush", "ruleset"]);
  await lab.topology.run(client, ["nft", "-f", "-"], { stdin: CLIENT_COUNTER });
  await lab.topology.run(balancer, ["nft", "-f", "-"], { stdin: BALANCER_COUNTER });
}

async function portOfDownload(lab: Lab, family: Family): Promise<number> {
  const entries = await must(lab, "conntrack", "-L", "-f", `ipv${family}`, "-p", "tcp");
  const port = /ESTABLISHED.*? sport=(\d+) dport=80 /.exec(entries)?.[1];
  assert.ok(port, entries);
  return Number(port);
}

async function clientEnd(lab: Lab, family: Family): Promise<End> {
  return { address: CLIENT[family], port: await portOfDownload(lab, family) };
}

for (const family of FAMILIES) {
  const vip = { address: vipAddress(family, 10), port: 80 };

  test(`a reply that conntrack finds INVALID never reaches the client, IPv${family}`, async (lab) => {
    await apply(lab, { weights: [1] });
    await watch(lab);
    const spec = { doors: [vip], count: 1, seconds: 2 };
    const downloads = await lab.traffic.download(lab.topology.client, spec);
    const namespace = lab.topology.backends[0]!;
    const backend = { address: backendAddress(family, 0), port: 8080 };
    const to = { interface: "back", end: await clientEnd(lab, family) };
    await inject(lab, { namespace, end: backend }, to);
    assert.deepEqual((await downloads.result).errors, {});
    await wereDropped(lab);
  });

  test(`a packet to a VIP that conntrack finds INVALID goes nowhere, IPv${family}`, async (lab) => {
    await apply(lab, { weights: [1] });
    await watch(lab);
    const spec = { doors: [vip], count: 1, seconds: 2 };
    const downloads = await lab.traffic.download(lab.topology.client, spec);
    const from = { namespace: lab.topology.client, end: await clientEnd(lab, family) };
    await inject(lab, from, { interface: "front", end: vip });
    assert.deepEqual((await downloads.result).errors, {});
    await wereDropped(lab);
  });
}
