import assert from "node:assert/strict";
import { backendAddress, CLIENT } from "../../lib/demo/layout.ts";
import { FAMILIES, type Family } from "../../lib/model/address.ts";
import { door } from "./config.ts";
import { kernelTests, type Lab } from "./harness.ts";
import type { Injection } from "./inject_inside.ts";
import { apply, must } from "./steps.ts";

const test = kernelTests({ backends: 1 });

/** Spread over all sequence numbers: at most one can be inside a window. */
const SEQUENCES = [0, 0x20000000, 0x40000000, 0x60000000, 0x80000000, 0xa0000000, 0xc0000000];

/** Counts what the client hears from backends under their own name; its kernel would reset that. */
const CLIENT_COUNTER = `table inet witness {
  chain in { type filter hook input priority -300
    ip saddr 198.51.100.0/24 counter
    ip6 saddr 2001:db8:b::/64 counter
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

/** A reply of b1's to one of its connections that is not in the connection's window. */
async function injectReply(lab: Lab, family: Family, clientPort: number): Promise<void> {
  const backend = lab.topology.backends[0]!;
  const own = await linkOf(lab, backend, "eth0");
  const injection: Injection = {
    ifindex: own.ifindex,
    from_mac: own.address,
    to_mac: (await linkOf(lab, lab.topology.balancer, "back")).address,
    from: { address: backendAddress(family, 0), port: 8080 },
    to: { address: CLIENT[family], port: clientPort },
    sequences: SEQUENCES,
  };
  const script = new URL("inject_inside.ts", import.meta.url).pathname;
  const { code, stderr } = await lab.topology.run(backend, [
    Deno.execPath(),
    "run",
    "-A",
    script,
    JSON.stringify(injection),
  ]);
  assert.equal(code, 0, stderr);
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

for (const family of FAMILIES) {
  test(`a reply that conntrack finds INVALID never reaches the client, IPv${family}`, async (lab) => {
    await apply(lab, { weights: [1] });
    await watch(lab);
    const spec = { doors: [door(family)], count: 1, seconds: 2 };
    const downloads = await lab.traffic.download(lab.topology.client, spec);
    await injectReply(lab, family, await portOfDownload(lab, family));
    assert.deepEqual((await downloads.result).errors, {});
    const invalid = await packetsCounted(lab, lab.topology.balancer);
    assert.ok(
      invalid >= SEQUENCES.length / 2,
      `${invalid} segments were invalid: nothing was shown`,
    );
    assert.equal(await packetsCounted(lab, lab.topology.client), 0);
  });
}
