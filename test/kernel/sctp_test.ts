/** What conntrack and nft make of SCTP. Packets are forged: most kernels of machines have no SCTP sockets. */
import assert from "node:assert/strict";
import { backendAddress, CLIENT, vipAddress } from "../../lib/demo/layout.ts";
import { FAMILIES, type Family } from "../../lib/model/address.ts";
import { kernelTests, type Lab } from "./harness.ts";
import type { Associations } from "./sctp_inside.ts";
import { apply, must } from "./steps.ts";

const test = kernelTests({ backends: 2 });

interface Link {
  readonly ifindex: number;
  readonly address: string;
}

async function linkOf(lab: Lab, namespace: string, name: string): Promise<Link> {
  const { stdout } = await lab.topology.run(namespace, ["ip", "-json", "link", "show", name]);
  return (JSON.parse(stdout) as Link[])[0]!;
}

/** Begins associations with VIP 10, one from each of these ports. */
async function begin(lab: Lab, family: Family, port: number, from_ports: number[]): Promise<void> {
  const { client, balancer } = lab.topology;
  const own = await linkOf(lab, client, "eth0");
  const spec: Associations = {
    ifindex: own.ifindex,
    from_mac: own.address,
    to_mac: (await linkOf(lab, balancer, "front")).address,
    from: CLIENT[family],
    to: vipAddress(family, 10),
    port,
    from_ports,
  };
  const script = new URL("sctp_inside.ts", import.meta.url).pathname;
  const argv = [Deno.execPath(), "run", "-A", script, JSON.stringify(spec)];
  const { code, stderr } = await lab.topology.run(client, argv);
  assert.equal(code, 0, stderr);
}

/** Counts INIT chunks to a port, as they arrive. */
async function watch(lab: Lab, namespace: string, rule: string): Promise<void> {
  await lab.topology.run(namespace, ["nft", "flush", "ruleset"]);
  const stdin = `table inet witness {\nchain pre { type filter hook prerouting priority -300\n` +
    `${rule} counter\n}\n}\n`;
  const { code, stderr } = await lab.topology.run(namespace, ["nft", "-f", "-"], { stdin });
  assert.equal(code, 0, stderr);
}

async function counted(lab: Lab, namespace: string): Promise<number> {
  const { stdout } = await lab.topology.run(namespace, ["nft", "list", "table", "inet", "witness"]);
  return Number(/counter packets (\d+)/.exec(stdout)?.[1]);
}

const PORTS = [4001, 4002, 4003, 4004];

for (const family of FAMILIES) {
  test(`sctp associations are balanced, with their port and checksum translated, IPv${family}`, async (lab) => {
    await apply(lab, { protocol: "sctp", ports: "[2905]", weights: [3, 1], port: 2906 });
    for (const backend of lab.topology.backends) {
      await watch(lab, backend, "sctp dport 2906 sctp chunk init exists");
    }
    const [first] = lab.topology.backends;
    const filter = ["sctp", "and", "dst", "port", "2906"];
    const argv = ["timeout", "10", "tcpdump", "-i", "eth0", "-l", "-n", "-v", "-c", "3", ...filter];
    const dump = lab.traffic.program(first!, ["sh", "-c", `exec ${argv.join(" ")} 2>&1`]);
    assert.match((await dump.lines.next()).value, /listening/);
    await begin(lab, family, 2905, PORTS);
    const seen = [];
    for (const backend of lab.topology.backends) seen.push(await counted(lab, backend));
    assert.deepEqual(seen, [3, 1]);
    const lines: string[] = [];
    for await (const line of dump.lines) lines.push(line);
    assert.match(lines.join("\n"), /INIT/);
    assert.doesNotMatch(lines.join("\n"), /bad cksum/);
    const entries = await must(lab, "conntrack", "-L", "-f", `ipv${family}`, "-p", "sctp");
    assert.equal(entries.split(`src=${backendAddress(family, 0)} `).length - 1, 3, entries);
  });

  test(`sctp keeps one client at one backend where persistence asks for it, IPv${family}`, async (lab) => {
    const more = 'persistence = "5m"';
    await apply(lab, { protocol: "sctp", ports: '"all"', weights: [1, 1], port: 0, more });
    for (const backend of lab.topology.backends) await watch(lab, backend, "sctp dport 2905");
    await begin(lab, family, 2905, PORTS);
    const [one, two] = lab.topology.backends;
    const seen = [await counted(lab, one!), await counted(lab, two!)].sort();
    assert.deepEqual(seen, [0, 4]);
  });

  test(`sctp is refused by ICMP where there is no backend, and where there is no service, IPv${family}`, async (lab) => {
    await apply(lab, { protocol: "sctp", ports: "[2905]", weights: [0] });
    const rule = family === 4
      ? "icmp type destination-unreachable icmp code port-unreachable"
      : "icmpv6 type destination-unreachable icmpv6 code port-unreachable";
    await watch(lab, lab.topology.client, rule);
    await begin(lab, family, 2905, [4001]);
    assert.equal(await counted(lab, lab.topology.client), 1);
    await begin(lab, family, 2904, [4001]);
    assert.equal(await counted(lab, lab.topology.client), 2);
  });
}
