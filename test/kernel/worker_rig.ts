/** Equipment of the worker's tests: rules by hand, of the kind that lb writes, and the real worker. */
import assert from "node:assert/strict";
import type { QueueTable } from "../../lib/engine/nfqueue/table.ts";
import { backendAddress, vipAddress } from "../../lib/demo/layout.ts";
import { inside } from "../../lib/demo/namespace.ts";
import {
  observeWorker,
  stopWorker,
  type WorkerHost,
  writeTable,
} from "../../lib/host/worker/worker.ts";
import { DEFAULT_MARK_MASK, markLayout, markOfId } from "../../lib/model/mark.ts";
import type { Scheduler } from "../../lib/model/service.ts";
import { workerPlaces, type WorkerStatus } from "../../lib/model/worker.ts";
import { queueStatistics } from "../../lib/netlink/queue/statistics.ts";
import { clock } from "../../lib/sys/clock.ts";
import { daemons } from "../../lib/sys/daemons.ts";
import { files } from "../../lib/sys/files.ts";
import { process } from "../../lib/sys/process.ts";
import { type Lab, LB } from "./harness.ts";
import { must } from "./steps.ts";

export const MARKS = markLayout(DEFAULT_MARK_MASK)!;
export const QUEUES = { first: 7, count: 2 } as const;
export const DOOR = { address: vipAddress(4, 10), port: 80 };

/** Who does it, in a balancer's namespace. */
export function hostOf({ topology }: Lab): WorkerHost {
  const [program, ...args] = LB as [string, ...string[]];
  return {
    kernel: { files, process, clock, runDir: `${topology.folder}/run` },
    daemons,
    self: inside(topology.balancer, [program, ...args]),
  };
}

/** Backends with ids from 1. */
export function tableOf(
  token: string,
  backends: number,
  scheduler: Scheduler = "rr",
  queues: QueueTable["queues"] = QUEUES,
): QueueTable {
  return {
    token,
    marks: MARKS,
    queues,
    services: [{
      name: "web",
      vip: [{ family: 4, text: DOOR.address, length: 32 }],
      protocol: "tcp",
      ports: [{ first: DOOR.port, last: DOOR.port }],
      scheduler,
      bound: 0,
      backends: Array.from({ length: backends }, (_, index) => ({
        id: index + 1,
        address: { family: 4, text: backendAddress(4, index) },
        port: 80,
        weight: 100,
        effective_weight: 100,
        max_connections: 0,
      })),
    }],
  };
}

/**
 * First packets are marked unless they were before, a mark leads to a backend, and without one the kernel
 * chooses, counted by `kernel_choice`.
 */
function rules(backends: number): string {
  const indexes = Array.from({ length: backends }, (_, index) => index);
  const by = (key: (index: number) => number) =>
    indexes.map((index) => `${key(index)} : goto b${index + 1}`).join(", ");
  const chains = indexes.map((index) =>
    `chain b${index + 1} { ct mark set ${markOfId(MARKS, index + 1)} meta l4proto tcp dnat ip to ${
      backendAddress(4, index)
    }:80; }`
  );
  return `table inet byhand {
  counter kernel_choice { }
  set seen { type ipv4_addr . inet_service; flags dynamic,timeout; timeout 3s; size 65536; }
  ${chains.join("\n  ")}
  chain first { type filter hook prerouting priority -151;
    ip daddr ${DOOR.address} tcp dport ${DOOR.port} tcp flags & (syn | ack) == syn ct state new jump ask
  }
  chain ask {
    ip saddr . tcp sport @seen return
    add @seen { ip saddr . tcp sport }
    meta mark set meta mark or ${MARKS.flag}
  }
  chain choose { type nat hook prerouting priority -105;
    ip daddr ${DOOR.address} tcp dport ${DOOR.port} goto service
  }
  chain service {
    meta mark and ${MARKS.mask & ~MARKS.flag} vmap { ${by((at) => markOfId(MARKS, at + 1))} }
    counter name kernel_choice
    numgen inc mod ${backends} vmap { ${by((at) => at)} }
  }
}`;
}

/** Rules, and a table for the worker; the VIP is routed here already. */
export async function layOut(lab: Lab, table: QueueTable): Promise<void> {
  const { run } = lab.balancer;
  const backends = table.services[0]!.backends.length;
  const { code, stderr } = await run(["nft", "-f", "-"], { stdin: rules(backends) });
  assert.equal(code, 0, stderr);
  await must(lab, "sysctl", "-q", "-w", "net.ipv4.ip_forward=1");
  await must(lab, "sysctl", "-q", "-w", "net.netfilter.nf_conntrack_events=1");
  const { flag } = MARKS;
  const range = `${QUEUES.first}:${QUEUES.first + QUEUES.count - 1}`;
  await must(
    lab,
    ...["iptables-legacy", "-t", "mangle", "-A", "PREROUTING"],
    ...["-m", "mark", "--mark", `${flag}/${flag}`],
    ...["-j", "NFQUEUE", "--queue-balance", range, "--queue-bypass"],
  );
  const host = hostOf(lab);
  files.mkdir(host.kernel.runDir, 0o700);
  writeTable(host, table);
}

/** What the worker says; fails where it says nothing. */
export async function statusOf(lab: Lab): Promise<WorkerStatus> {
  const view = await observeWorker(hostOf(lab));
  assert.ok(view?.responsive, "the worker does not answer");
  return view.status;
}

/** How often the kernel chose, as its own counter says. */
export async function kernelChoices({ balancer }: Lab): Promise<number> {
  const { stdout } = await balancer.run([
    "nft",
    "list",
    "counter",
    "inet",
    "byhand",
    "kernel_choice",
  ]);
  return Number(/packets (\d+)/.exec(stdout)?.[1]);
}

/** Numbers of the queues that somebody listens to, by the kernel's list. */
export async function listened({ balancer }: Lab): Promise<number[]> {
  const { stdout } = await balancer.run(["cat", "/proc/net/netfilter/nfnetlink_queue"]);
  return (queueStatistics({ read: () => stdout }) ?? []).map(({ queue }) => queue);
}

/** Processes of this run folder's worker, its supervisor among them, by their command lines. */
export function processesOf(lab: Lab): number[] {
  const { runDir } = hostOf(lab).kernel;
  return files.list("/proc").map(Number).filter((pid) => pid > 0 && words(pid).includes(runDir));
}

function words(pid: number): string[] {
  try {
    return files.read(`/proc/${pid}/cmdline`)?.split("\0") ?? [];
  } catch {
    return [];
  }
}

/** Until it holds, but for so long at most. */
export async function until(
  holds: () => boolean | Promise<boolean>,
  what: string,
  ms_max = 5_000,
): Promise<void> {
  const end_ms = performance.now() + ms_max;
  while (!await holds()) {
    assert.ok(performance.now() < end_ms, `not within ${ms_max} ms: ${what}`);
    await clock.sleep(20);
  }
}

/** Ends it, whatever became of it. */
export async function clear(lab: Lab): Promise<void> {
  await stopWorker(hostOf(lab)).catch(() => {});
  for (const pid of processesOf(lab).reverse()) daemons.signal(pid, "SIGKILL");
  files.remove(workerPlaces(hostOf(lab).kernel.runDir).table);
  await lab.balancer.run(["iptables-legacy", "-t", "mangle", "-F"]);
}
