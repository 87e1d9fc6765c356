import type { Child } from "../../lib/sys/ports.ts";
import { family } from "./cpu.ts";
import { end, type TrafficLab } from "./lab.ts";
import type { ProgramName } from "./programs.ts";
import { haproxyConfig, lbConfig, mapRuleset, nftlbConfig, streamConfig, VIP } from "./servers.ts";

/** A way from the client to the backends. */
export interface Contender {
  readonly name: string;
  /** For the page, half a sentence. */
  readonly what: string;
  readonly needs: readonly ProgramName[];
  /** Sets the balancer up, which has just been reset. */
  start(lab: TrafficLab): Promise<Running>;
}

export interface Running {
  /** Programs that the traffic goes through. */
  readonly pids: readonly number[];
  stop(): Promise<void>;
}

/** What the others are compared with. */
export const DIRECT = "direct";
export const MAP = "nft-map";
export const NGINX = "nginx-stream";
export const LB_NAT = "lb-nat";
export const LB_DR = "lb-dr";

/** In the order they are measured: those whose ratio matters most stand side by side. */
export const CONTENDERS: readonly Contender[] = [
  {
    name: DIRECT,
    what:
      "no balancing: the router has routes to the VIP over all backends, and picks by address and port",
    needs: [],
    async start(lab) {
      await onBackends(lab, VIP_ON_BACKENDS.add);
      await lab.must(["sysctl", "-q", "-w", "net.ipv4.fib_multipath_hash_policy=1"]);
      const hops = lab.backends.flatMap((address) => ["nexthop", "via", address]);
      await lab.must(["ip", "route", "add", `${VIP}/32`, ...hops]);
      return {
        pids: [],
        async stop() {
          await lab.must(["ip", "route", "delete", `${VIP}/32`]);
          await onBackends(lab, VIP_ON_BACKENDS.remove);
        },
      };
    },
  },
  {
    name: LB_DR,
    what:
      'lb apply with forward = "dr", scheduler maglev; answers come back through the balancer, ' +
      "which routes them, as it does on the direct route",
    needs: [],
    async start(lab) {
      await onBackends(lab, VIP_ON_BACKENDS.add);
      const running = await startLb(lab, "dr");
      return {
        pids: [],
        async stop() {
          await running.stop();
          await onBackends(lab, VIP_ON_BACKENDS.remove);
        },
      };
    },
  },
  {
    name: MAP,
    what: "a hand-written nft rule: dnat to numgen inc map, in a table with nothing else",
    needs: [],
    async start(lab) {
      await lab.must(["nft", "-f", lab.write("map.nft", mapRuleset(lab.backends))]);
      return IN_KERNEL;
    },
  },
  {
    name: LB_NAT,
    what: 'lb apply with forward = "nat": counters, connection marks and refusals included',
    needs: [],
    start: (lab) => startLb(lab, "nat"),
  },
  {
    name: "nftlb",
    what: "nftlb from Debian, mode dnat, scheduler rr",
    needs: ["nftlb"],
    async start(lab) {
      const config = lab.write("nftlb.json", nftlbConfig(lab.backends));
      await lab.must([...lab.programs.argv("nftlb"), "-e", "-c", config]);
      return IN_KERNEL;
    },
  },
  {
    name: "haproxy",
    what: "HAProxy from Debian, mode tcp, splice-auto, a thread per core",
    needs: ["haproxy"],
    start(lab) {
      const config = lab.write("haproxy.cfg", haproxyConfig(lab.backends));
      return startProxy(lab, [...lab.programs.argv("haproxy"), "-db", "-f", config]);
    },
  },
  {
    name: NGINX,
    what: "nginx stream from Debian, a worker per core",
    needs: ["nginx"],
    start(lab) {
      const folder = lab.path("stream");
      Deno.mkdirSync(folder, { recursive: true });
      const text = streamConfig(folder, lab.programs, lab.backends);
      const config = lab.write("stream/nginx.conf", text);
      const argv = [...lab.programs.argv("nginx"), "-p", folder, "-c", config, "-e", "stderr"];
      return startProxy(lab, argv);
    },
  },
];

/** What is set up in the kernel has no program, and goes with the lab's reset. */
const IN_KERNEL: Running = { pids: [], stop: () => Promise.resolve() };

async function startLb(lab: TrafficLab, forward: "nat" | "dr"): Promise<Running> {
  lab.balancer.writeConfig(lbConfig(lab.backends, forward));
  await lab.balancer.json(0, "apply");
  return {
    pids: [],
    async stop() {
      await lab.balancer.lb("uninstall", "--purge", "--yes");
    },
  };
}

/** What `lb doctor --backend` tells a backend to set, and what takes the address away again. */
export const VIP_ON_BACKENDS = {
  add: [
    ["sysctl", "-q", "-w", "net.ipv4.conf.all.arp_ignore=1", "net.ipv4.conf.all.arp_announce=2"],
    ["ip", "address", "replace", `${VIP}/32`, "dev", "lo"],
  ],
  remove: [["ip", "address", "delete", `${VIP}/32`, "dev", "lo"]],
} as const;

/** Runs commands on every backend. @throws {Error} where one fails */
export async function onBackends(
  lab: TrafficLab,
  commands: readonly (readonly string[])[],
): Promise<void> {
  for (const backend of lab.topology.backends) {
    for (const argv of commands) {
      const { code, stderr } = await lab.topology.run(backend, argv);
      if (code !== 0) throw new Error(`${argv.join(" ")} in ${backend}: ${stderr.trim()}`);
    }
  }
}

/** A proxy answers for the VIP itself. */
async function startProxy(lab: TrafficLab, argv: readonly string[]): Promise<Running> {
  await lab.must(["ip", "address", "add", `${VIP}/32`, "dev", "lo"]);
  const child = lab.start(lab.topology.balancer, argv);
  try {
    await listening(lab, child);
  } catch (error) {
    await end(child);
    throw error;
  }
  return { pids: family(child.pid), stop: () => end(child) };
}

const START_MS_MAX = 5_000;

async function listening(lab: TrafficLab, child: Child): Promise<void> {
  let ended = false;
  child.ended.then(() => ended = true);
  for (const until = performance.now() + START_MS_MAX; performance.now() < until && !ended;) {
    if ((await lab.must(["ss", "-Hltn", `src ${VIP}`])).includes(VIP)) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  if (!ended) throw new Error(`it does not listen on ${VIP} after ${START_MS_MAX / 1000} s`);
  throw new Error(`it ended at once: ${(await child.ended).stderr.trim()}`);
}
