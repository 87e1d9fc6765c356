/** The IPVS engine on a kernel that has it: real connections, `ipvsadm -Ln` as the witness. */
import assert from "node:assert/strict";
import { clientSource } from "../../lib/demo/layout.ts";
import type { RequestsResult } from "../../lib/demo/role/spec.ts";
import { FAMILIES, type Family } from "../../lib/model/address.ts";
import { door, type ServiceText } from "./config.ts";
import { kernelTests, type Lab } from "./harness.ts";
import { allAnswered, apply, LONG, must, refusesTcp, send } from "./steps.ts";

const test = kernelTests({ backends: 3, need: "ipvs" });

const CONNECTIONS = 400;

const ON_IPVS = 'engine = "ipvs"';

function onIpvs(lab: Lab, service: ServiceText) {
  return apply(lab, { ...service, more: `${ON_IPVS}\n${service.more ?? ""}` });
}

function addresses(family: Family, count: number): string[] {
  return Array.from({ length: count }, (_, index) => clientSource(family, index));
}

/**
 * Asserts that every request has its answer. How long that took is asked where it is the point: these
 * kernels run on an emulated or shared processor, where a burst of first requests is slow.
 */
function answered({ failed, errors }: RequestsResult): void {
  assert.deepEqual({ failed, errors }, { failed: 0, errors: {} });
}

/** What ipvsadm lists, without counters: `TCP 203.0.113.10:80 wrr`, `-> 198.51.100.11:8080 Masq 3`. */
async function listed(lab: Lab): Promise<string[]> {
  const lines = (await must(lab, "ipvsadm", "-Ln")).split("\n").slice(3);
  return lines.filter((line) => line !== "")
    .map((line) => line.trim().split(/\s+/).slice(0, line.startsWith("  ->") ? 4 : 9).join(" "));
}

/** Conntrack is active where a rule uses it, as on any real host. The older program: UML has no nft for IP. */
async function watchConnections(lab: Lab): Promise<void> {
  for (const program of ["iptables-legacy", "ip6tables-legacy"]) {
    const rule = ["-A", "INPUT", "-m", "conntrack", "--ctstate", "NEW"];
    await must(lab, program, "-F");
    await must(lab, program, ...rule);
  }
}

for (const family of FAMILIES) {
  test(`wrr 3:1 over ${CONNECTIONS} connections is exact, IPv${family}`, async (lab) => {
    const { services } = await onIpvs(lab, { weights: [3, 1] });
    assert.deepEqual(services.map(({ engine }) => engine), ["ipvs"]);
    const result = await send(lab, { doors: [door(family)], count: CONNECTIONS });
    answered(result);
    assert.deepEqual(result.per_backend, { b1: CONNECTIONS * 3 / 4, b2: CONNECTIONS / 4 });
  });

  test(`sh gives one client address one backend, and uses them all, IPv${family}`, async (lab) => {
    await onIpvs(lab, { weights: [100, 100, 100], scheduler: "sh" });
    const sources = { addresses: addresses(family, 50) };
    const { answers, ...result } = await send(lab, { doors: [door(family)], count: 200, sources });
    answered({ answers, ...result });
    const first = answers.slice(0, 50);
    for (let round = 1; round < 4; round++) {
      assert.deepEqual(answers.slice(round * 50, round * 50 + 50), first, `round ${round}`);
    }
    assert.equal(new Set(first).size, 3);
  });

  test(`maglev spreads one client over all backends, by port, IPv${family}`, async (lab) => {
    await onIpvs(lab, { weights: [3, 1], scheduler: "maglev" });
    const result = await send(lab, {
      doors: [door(family)],
      count: 1_000,
      // With more at once, an emulated processor is what is slow.
      concurrency: 4,
      sources: { addresses: addresses(family, 100), first_port: 20_000 },
    });
    answered(result);
    const off = Math.abs((result.per_backend["b1"] ?? 0) - 750);
    assert.ok(off <= 50, JSON.stringify(result.per_backend));
  });

  test(`udp is balanced by weight on several ports, IPv${family}`, async (lab) => {
    await onIpvs(lab, { protocol: "udp", ports: "[53, 5353]", weights: [3, 1], port: 0 });
    for (const port of [53, 5353]) {
      const result = await send(lab, {
        protocol: "udp",
        doors: [door(family, 10, port)],
        count: 80,
        sources: { first_port: 30_000 },
      });
      answered(result);
      assert.deepEqual(result.per_backend, { b1: 60, b2: 20 }, `port ${port}`);
    }
  });

  test(`a backend sees the client's own address, IPv${family}`, async (lab) => {
    await onIpvs(lab, { weights: [1] });
    const address = clientSource(family, 5);
    const result = await send(lab, {
      doors: [door(family)],
      count: 3,
      path: "/peer",
      sources: { addresses: [address] },
    });
    assert.deepEqual(result.per_backend, { [address]: 3 });
  });

  test(`a port that is used again at once waits for nothing, IPv${family}`, async (lab) => {
    await onIpvs(lab, { weights: [1, 1] });
    await watchConnections(lab);
    const result = await send(lab, {
      doors: [door(family)],
      count: 120,
      concurrency: 1,
      sources: { addresses: addresses(family, 4), first_port: 40_000 },
    });
    const again = await send(lab, {
      doors: [door(family)],
      count: 120,
      concurrency: 1,
      sources: { addresses: addresses(family, 4), first_port: 40_000 },
    });
    for (const one of [result, again]) allAnswered(one);
  });

  test(`a removed backend keeps its downloads, gets nothing new, and goes when they have ended, IPv${family}`, async (lab) => {
    await onIpvs(lab, { weights: [1, 1], families: [family] });
    const downloads = await lab.traffic.download(lab.topology.client, {
      doors: [door(family)],
      count: 6,
      seconds: LONG,
    });
    assert.deepEqual(downloads.per_backend, { b1: 3, b2: 3 });
    await onIpvs(lab, { weights: [1], families: [family] });
    assert.equal((await listed(lab)).length, 3, "it is still there");
    const after = await send(lab, { doors: [door(family)], count: 20 });
    assert.deepEqual(after.per_backend, { b1: 20 });
    const unchanged = await lab.balancer.json<{ changed: boolean }>(0, "apply");
    assert.equal(unchanged.changed, false, "there is nothing to do as long as they go on");
    const { completed, broken } = await downloads.finish();
    assert.deepEqual({ completed, broken }, { completed: 6, broken: 0 });
  });
}

/** Lets the backends take packets for the VIP as their own, and their answers pass through the balancer. */
async function ownVip(lab: Lab, family: Family): Promise<void> {
  const { address } = door(family);
  for (const backend of lab.topology.backends) {
    await mustIn(lab, backend, "ip", "address", "replace", address, "dev", "lo");
    // Nor may they tell their neighbours of it.
    const silent = ["net.ipv4.conf.all.arp_ignore=1", "net.ipv4.conf.all.arp_announce=2"];
    await mustIn(lab, backend, "sysctl", "-q", "-w", ...silent);
  }
  // The balancer has the VIP too: an answer from there looks forged.
  const open = ["all.forwarding=1", "back.accept_local=1", "back.rp_filter=0", "all.rp_filter=0"];
  await must(lab, "sysctl", "-q", "-w", ...open.map((key) => `net.ipv4.conf.${key}`));
  await must(lab, "sysctl", "-q", "-w", "net.ipv6.conf.all.forwarding=1");
}

async function mustIn({ topology }: Lab, namespace: string, ...argv: string[]): Promise<void> {
  const { code, stderr } = await topology.run(namespace, argv);
  assert.equal(code, 0, `${argv.join(" ")}: ${stderr}`);
}

for (const family of FAMILIES) {
  test(`dr leaves packets as they are, IPv${family}`, async (lab) => {
    await ownVip(lab, family);
    await onIpvs(lab, { weights: [3, 1], port: 0, families: [family], more: 'forward = "dr"' });
    const result = await send(lab, { doors: [door(family)], count: 80 });
    answered(result);
    assert.deepEqual(result.per_backend, { b1: 60, b2: 20 });
  });

  test(`tunnel wraps packets for backends behind routers, IPv${family}`, async (lab) => {
    await ownVip(lab, family);
    await must(lab, "modprobe", family === 4 ? "ipip" : "ip6_tunnel");
    const device = family === 4 ? "tunl0" : "ip6tnl0";
    for (const backend of lab.topology.backends) {
      await mustIn(lab, backend, "ip", "link", "set", device, "up");
      await mustIn(lab, backend, "sysctl", "-q", "-w", "net.ipv4.conf.all.rp_filter=0");
      if (family === 4) {
        await mustIn(lab, backend, "sysctl", "-q", "-w", "net.ipv4.conf.tunl0.rp_filter=0");
      }
    }
    const { services } = await apply(lab, {
      ...{ weights: [3, 1], port: 0, families: [family] },
      more: 'forward = "tunnel"',
    });
    assert.deepEqual(services.map(({ engine }) => engine), ["ipvs"], "without being asked to");
    const result = await send(lab, { doors: [door(family)], count: 80 });
    answered(result);
    assert.deepEqual(result.per_backend, { b1: 60, b2: 20 });
  });
}

test("ipvsadm sees what was asked for, and nothing of it after an uninstall", async (lab) => {
  const before = await must(lab, "ip", "-oneline", "address", "show");
  const sysctls = await must(lab, "sysctl", "-a");
  await onIpvs(lab, { weights: [3, 0], scheduler: "wlc", ports: "[80, 443]", families: [4] });
  assert.deepEqual(await listed(lab), [
    "TCP 203.0.113.10:80 wlc",
    "-> 198.51.100.11:8080 Masq 3",
    "-> 198.51.100.12:8080 Masq 0",
    "TCP 203.0.113.10:443 wlc",
    "-> 198.51.100.11:8080 Masq 3",
    "-> 198.51.100.12:8080 Masq 0",
  ]);
  await refusesTcp(lab, lab.topology.client, "203.0.113.10", 81);
  await lab.balancer.json(0, "uninstall", "--yes");
  assert.deepEqual(await listed(lab), []);
  assert.equal(await must(lab, "ip", "-oneline", "address", "show"), before);
  assert.equal(settled(await must(lab, "sysctl", "-a")), settled(sysctls));
});

/** Without what moves by itself. */
function settled(listing: string): string {
  return listing.split("\n").filter((line) =>
    !/random|ns_last_pid|nf_conntrack_count|dentry|inode|file-nr/.test(line)
  )
    .join("\n");
}

test("other people's virtual services are left alone, and not taken over", async (lab) => {
  await must(lab, "ipvsadm", "-A", "-t", "203.0.113.99:80", "-s", "rr");
  await must(lab, "ipvsadm", "-A", "-t", "203.0.113.11:80", "-s", "rr");
  await onIpvs(lab, { weights: [1], families: [4] });
  await lab.balancer.json(0, "uninstall", "--yes");
  const foreign = ["TCP 203.0.113.11:80 rr", "TCP 203.0.113.99:80 rr"];
  assert.deepEqual(await listed(lab), foreign);
  lab.balancer.writeConfig("");
  await assert.rejects(onIpvs(lab, { weights: [1], families: [4], vips: [11] }), /not lb's/);
  assert.deepEqual(await listed(lab), foreign);
});

test("what was changed with ipvsadm is drift, and reconcile puts it right", async (lab) => {
  await onIpvs(lab, { weights: [3, 1], families: [4] });
  const wanted = await listed(lab);
  await must(
    lab,
    "ipvsadm",
    "-e",
    "-t",
    "203.0.113.10:80",
    "-r",
    "198.51.100.11:8080",
    "-m",
    "-w",
    "7",
  );
  await must(lab, "ipvsadm", "-d", "-t", "203.0.113.10:80", "-r", "198.51.100.12:8080");
  const { drift } = await lab.balancer.json<{ drift: string[] }>(1, "reconcile");
  assert.deepEqual(drift, [
    "backend 198.51.100.11:8080 of tcp 203.0.113.10:80",
    "backend 198.51.100.12:8080 of tcp 203.0.113.10:80",
  ]);
  assert.deepEqual(await listed(lab), wanted);
});
