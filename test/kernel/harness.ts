/** Equipment of the kernel tests: real namespaces, the real command line, real traffic. */
import { type Balancer, makeBalancer } from "../../lib/demo/balancer.ts";
import { buildTopology, type Topology } from "../../lib/demo/topology.ts";
import { makeTraffic, type Traffic } from "../../lib/demo/traffic.ts";
import { children } from "../../lib/sys/children.ts";
import { files } from "../../lib/sys/files.ts";
import { process } from "../../lib/sys/process.ts";
import { able, type Need } from "./able.ts";
import { PATIENCE } from "./patience.ts";

/** Ports that every backend listens on. */
export const TCP_PORTS = [80, 443, 8000, 8001, 8002, 8080];
export const UDP_PORTS = [53, 5353];

/** What a test works with. It starts as a machine on which lb has never been. */
export interface Lab {
  readonly topology: Topology;
  readonly traffic: Traffic;
  readonly balancer: Balancer;
}

export interface LabOptions {
  readonly backends: number;
  readonly one_arm?: boolean;
  /** What the tests take. @default "nft" */
  readonly need?: Need;
}

// Deno asks its maker for news now and then: packets in our namespaces that no test knows of.
Deno.env.set("DENO_NO_UPDATE_CHECK", "1");

/** The program under test: `$LB`, or this checkout. */
export const LB: readonly string[] = lbCommand();

/**
 * Makes the function that declares the tests of one file. They share the namespaces, which are built
 * when the first test runs and are gone after the last; each starts without any trace of lb.
 */
export function kernelTests(options: LabOptions) {
  let lab: Promise<Lab> | undefined;
  Deno.test.afterAll(async () => {
    const built = await lab?.catch(() => undefined);
    await built?.traffic.close();
    await built?.topology.close();
  });
  return (name: string, act: (lab: Lab) => Promise<void>) =>
    Deno.test({
      ...able(name, options.need),
      // The backends outlive the test that was the first to need them.
      sanitizeOps: false,
      sanitizeResources: false,
      async fn() {
        lab ??= buildLab(options);
        const built = await lab;
        await forget(built);
        await act(built);
      },
    });
}

/** A lab that nobody else uses. Whoever builds it closes its traffic and its topology. */
export async function buildLab({ backends, one_arm }: LabOptions): Promise<Lab> {
  // Every test file is an isolate of its own, but they share the process id.
  const serial = crypto.getRandomValues(new Uint16Array(1))[0]!;
  const topology = await buildTopology(process, files, {
    backends,
    one_arm,
    pid: Deno.pid,
    serial,
  });
  const traffic = makeTraffic(children, LB);
  try {
    await Promise.all(
      topology.backends.map((namespace, index) =>
        traffic.serve(namespace, { name: `b${index + 1}`, tcp: TCP_PORTS, udp: UDP_PORTS })
      ),
    );
  } catch (error) {
    await traffic.close();
    await topology.close();
    throw error;
  }
  return { topology, traffic, balancer: makeBalancer(topology, files, LB) };
}

/** Seconds that a udp flow lasts which nobody uses: as a rule 30, and 120 where both ends have spoken. */
const PATIENT_CONNTRACK = [
  `net.netfilter.nf_conntrack_udp_timeout=${30 * PATIENCE}`,
  `net.netfilter.nf_conntrack_udp_timeout_stream=${120 * PATIENCE}`,
];

/** Takes away, by other means than lb's, whatever an earlier test left in balancer and client. */
export async function forget({ topology, balancer }: Lab): Promise<void> {
  const { run } = balancer;
  await endPrograms(topology.balancer);
  await run(["nft", "flush", "ruleset"]);
  // There only where a test of IPVS can run at all.
  await run(["ipvsadm", "-C"]).catch(() => {});
  await forgetChains(run);
  await run(["conntrack", "-F"]);
  if (PATIENCE > 1) await run(["sysctl", "-q", "-w", ...PATIENT_CONNTRACK]);
  await run(["sysctl", "-q", "-w", "net.ipv4.ip_forward=0", "net.ipv6.conf.all.forwarding=0"]);
  const { stdout } = await run(["ip", "-oneline", "address", "show"]);
  for (const line of stdout.split("\n")) {
    const [, device, address] = /^\d+: (\S+)\s+inet6? (\S+\/(?:32|128)) /.exec(line) ?? [];
    if (!device || !address || device === "lo") continue;
    await run(["ip", "address", "delete", address, "dev", device]);
  }
  for (const family of ["-4", "-6"]) {
    await run(["ip", family, "route", "flush", "table", "local", "proto", "static"]);
  }
  await topology.run(topology.client, ["ip", "neigh", "flush", "dev", "eth0"]);
  await run(["rm", "-rf", `${topology.folder}/state`, `${topology.folder}/run`]);
}

/** A queue worker outlives lb. All at once: one half of it starts the other anew. */
async function endPrograms(namespace: string): Promise<void> {
  const { stdout } = await process.run(["ip", "netns", "pids", namespace]);
  const pids = stdout.split("\n").filter((pid) => pid !== "");
  if (pids.length > 0) await process.run(["kill", "-KILL", ...pids]);
}

/** Of iptables only what is there: asking for more would make it. */
async function forgetChains(run: Balancer["run"]): Promise<void> {
  for (const family of ["ip", "ip6"]) {
    const { stdout } = await run(["cat", `/proc/net/${family}_tables_names`]);
    for (const table of stdout.split("\n").filter((name) => name !== "")) {
      for (const act of ["-F", "-X"]) await run([`${family}tables-legacy`, "-t", table, act]);
    }
  }
}

function lbCommand(): readonly string[] {
  const built = Deno.env.get("LB");
  if (built) return [built];
  const main = new URL("../../main.ts", import.meta.url).pathname;
  return [Deno.execPath(), "run", "--quiet", "--no-prompt", "-A", main];
}
