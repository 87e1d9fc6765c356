import { type Balancer, makeBalancer } from "../../lib/demo/balancer.ts";
import { backendAddress } from "../../lib/demo/layout.ts";
import { mustRun } from "../../lib/demo/namespace.ts";
import { buildTopology, type Topology } from "../../lib/demo/topology.ts";
import { makeTraffic } from "../../lib/demo/traffic.ts";
import { children } from "../../lib/sys/children.ts";
import { files } from "../../lib/sys/files.ts";
import type { Child } from "../../lib/sys/ports.ts";
import { process } from "../../lib/sys/process.ts";
import { LB } from "./lb.ts";
import type { Programs } from "./programs.ts";
import { backendConfig, BIG_FILE } from "./servers.ts";

/** Behind each balancer. More would not change what a choice costs: it is a look-up. */
const BACKENDS = 4;

const BIG_FILE_BYTES = 64 << 20;
const STOP_MS_MAX = 3_000;

/** A client, a balancer that is not set up yet, and backends that serve. */
export interface TrafficLab {
  readonly topology: Topology;
  readonly balancer: Balancer;
  readonly programs: Programs;
  /** Addresses of the backends. */
  readonly backends: readonly string[];
  readonly backend_pids: readonly number[];
  /** Starts a program in one of the namespaces. It gets SIGTERM from `end`, and at the latest from `close`. */
  start(namespace: string, argv: readonly string[]): Child;
  /** Runs a program in the balancer's namespace. @throws {LbError} where it fails */
  must(argv: readonly string[]): Promise<string>;
  /** A path in a folder that goes with the lab. */
  path(name: string): string;
  write(name: string, text: string): string;
  /** Takes every contender's doings out of the balancer, the conntrack table included. */
  reset(): Promise<void>;
  close(): Promise<void>;
}

/** @throws {LbError} where the machine does not let us; nothing is left then */
export async function buildTrafficLab(programs: Programs): Promise<TrafficLab> {
  const topology = await buildTopology(process, files, { backends: BACKENDS, pid: Deno.pid });
  const traffic = makeTraffic(children, LB);
  const path = (name: string) => `${topology.folder}/${name}`;
  const lab = {
    topology,
    balancer: makeBalancer(topology, files, LB),
    programs,
    backends: topology.backends.map((_, index) => backendAddress(4, index)),
    backend_pids: [] as number[],
    start: traffic.program,
    async must(argv: readonly string[]) {
      const command = ["ip", "netns", "exec", topology.balancer, ...argv] as [string, ...string[]];
      return (await mustRun(process, command)).stdout;
    },
    path,
    write(name: string, text: string) {
      files.replace(path(name), text, 0o600);
      return path(name);
    },
    reset: () => reset(lab),
    async close() {
      await traffic.close();
      await topology.close();
    },
  };
  try {
    await tune(topology);
    lab.backend_pids.push(...startBackends(lab));
  } catch (error) {
    await lab.close();
    throw error;
  }
  return lab;
}

/** Ends a program in its own way (a master ends its workers), or else by force. */
export async function end(child: Child): Promise<void> {
  try {
    Deno.kill(child.pid, "SIGTERM");
  } catch {
    // It has ended already.
  }
  const timer = setTimeout(() => child.kill(), STOP_MS_MAX);
  await child.ended;
  clearTimeout(timer);
}

/** A closed loop opens many connections from one address: ports must come free at once. */
async function tune(topology: Topology): Promise<void> {
  const settings = ["net.ipv4.ip_local_port_range=1024 65535", "net.ipv4.tcp_max_tw_buckets=0"];
  for (const namespace of [topology.client, topology.balancer, ...topology.backends]) {
    const argv = ["ip", "netns", "exec", namespace, "sysctl", "-q", "-w", ...settings];
    await mustRun(process, argv as [string, ...string[]]);
  }
}

function startBackends(lab: TrafficLab): number[] {
  const root = lab.path("www");
  files.mkdir(root, 0o755);
  writeBigFile(`${root}/${BIG_FILE}`);
  return lab.topology.backends.map((namespace, index) => {
    const folder = lab.path(`backend${index}`);
    files.mkdir(folder, 0o755);
    const config = lab.write(`backend${index}/nginx.conf`, backendConfig(folder, root));
    // Without a master: there is one worker, and its process is the one we know.
    const argv = [...lab.programs.argv("nginx"), "-p", folder, "-c", config, "-e", "stderr"];
    return lab.start(namespace, [...argv, "-g", "master_process off;"]).pid;
  });
}

/** Not zeros: what is read must come from memory, not from one page that stays in the cache. */
function writeBigFile(path: string): void {
  const piece = crypto.getRandomValues(new Uint8Array(1 << 16));
  using file = Deno.openSync(path, { write: true, createNew: true });
  for (let bytes = 0; bytes < BIG_FILE_BYTES; bytes += piece.length) file.writeSync(piece);
}

async function reset(lab: TrafficLab): Promise<void> {
  await lab.must(["nft", "flush", "ruleset"]);
  await lab.must(["ip", "address", "flush", "dev", "lo", "scope", "global"]);
  await lab.must(["sysctl", "-q", "-w", "net.ipv4.ip_forward=1"]);
  await lab.must([...lab.programs.argv("conntrack"), "-F"]);
}
