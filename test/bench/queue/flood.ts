import { FRONT } from "../../../lib/demo/layout.ts";
import { queueStatistics } from "../../../lib/netlink/queue/statistics.ts";
import type { Running } from "../contenders.ts";
import { processSeconds } from "../cpu.ts";
import type { TrafficLab } from "../lab.ts";
import { VIP, VIP_PORT } from "../servers.ts";
import type { FloodResult, FloodSpec } from "./flood_spec.ts";
import { goOnBehind, stopBehind } from "./rules.ts";

const INSIDE = new URL("./flood_inside.ts", import.meta.url).pathname;
const CONFIG = new URL("../../../deno.json", import.meta.url).pathname;

/** What came of a flood of SYNs. */
export interface FloodSample {
  readonly seconds: number;
  /** SYNs that came in at the balancer. */
  readonly offered: number;
  /** Those that a program gave its verdict. */
  readonly answered: number;
  /** Those that the kernel dropped because the queue was full, or the program's socket. */
  readonly dropped: number;
  /** What the programs used, kernel included. */
  readonly cpu_s: number;
}

/** What neither was answered nor dropped: the kernel let it pass, and chose by itself. Pure. */
export function passedBy({ offered, answered, dropped }: FloodSample): number {
  return Math.max(0, offered - answered - dropped);
}

/** Longer than it takes to answer a full queue, and for the kernel to account for it. */
const SETTLE_MS = 300;

/** What a compiler does in a program's first second is no part of what a packet costs. */
export const WARM_UP_S = 2;

/** Floods the balancer, behind which nothing goes on. @param per_second 0 for as many as can be */
export async function measureFlood(
  lab: TrafficLab,
  { pids }: Running,
  { seconds, per_second }: Pick<FloodSpec, "seconds" | "per_second">,
): Promise<FloodSample> {
  await stopBehind(lab);
  try {
    await flood(lab, { seconds: WARM_UP_S, per_second });
    await sleep(SETTLE_MS);
    const before = await readings(lab, pids);
    const { seconds: took_s } = await flood(lab, { seconds, per_second });
    await sleep(SETTLE_MS);
    const after = await readings(lab, pids);
    const dropped = after.dropped - before.dropped;
    return {
      seconds: took_s,
      offered: after.offered - before.offered,
      answered: after.queued - before.queued - (after.lost_unread - before.lost_unread),
      dropped,
      cpu_s: after.cpu_s - before.cpu_s,
    };
  } finally {
    await goOnBehind(lab);
  }
}

/** Runs the generator in the client's namespace to its end. */
export async function flood(
  lab: TrafficLab,
  how: Pick<FloodSpec, "seconds" | "per_second">,
): Promise<FloodResult> {
  const to_mac = (await lab.must(["cat", `/sys/class/net/${FRONT}/address`])).trim();
  const spec: FloodSpec = { link: "eth0", to_mac, address: VIP, port: VIP_PORT, ...how };
  const argv = [Deno.execPath(), "run", "-A", "--no-check", "--config", CONFIG, INSIDE];
  const child = lab.start(lab.topology.client, [...argv, JSON.stringify(spec)]);
  const said = (await Array.fromAsync(child.lines)).join("\n");
  const { code, stderr } = await child.ended;
  if (code !== 0) throw new Error(`the generator ended with ${code}: ${stderr.trim()}`);
  return JSON.parse(said) as FloodResult;
}

async function readings(lab: TrafficLab, pids: readonly number[]) {
  const text = await lab.must(["cat", "/proc/net/netfilter/nfnetlink_queue"]);
  const queues = queueStatistics({ read: () => text }) ?? [];
  const sum = (of: (one: (typeof queues)[number]) => number) =>
    queues.reduce((total, one) => total + of(one), 0);
  const path = `/sys/class/net/${FRONT}/statistics/rx_packets`;
  return {
    offered: Number(await lab.must(["cat", path])),
    queued: sum(({ id_sequence }) => id_sequence),
    // Given a number, but not to the program: its socket was full.
    lost_unread: sum(({ dropped_user }) => dropped_user),
    dropped: sum(({ dropped_full, dropped_user }) => dropped_full + dropped_user),
    cpu_s: processSeconds(pids),
  };
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
