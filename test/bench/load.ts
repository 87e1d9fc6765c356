import { CLIENT } from "../../lib/demo/layout.ts";
import type { Child } from "../../lib/sys/ports.ts";
import type { Running } from "./contenders.ts";
import { cpuTimes, type CpuUse, endedChildrenSeconds, processSeconds } from "./cpu.ts";
import type { TrafficLab } from "./lab.ts";
import { BIG_FILE, VIP, VIP_PORT } from "./servers.ts";

/** What one measurement of one contender came to. */
export interface Sample {
  /** Connections, or bytes. */
  readonly amount: number;
  readonly seconds: number;
  /** Connections that did not end well. */
  readonly errors: number;
  readonly cpu: CpuUse;
}

/** A kind of traffic. */
export interface Load {
  readonly name: "connections" | "downloads";
  readonly title: string;
  /** What is counted, and how many of it make one unit of the table. */
  readonly per: {
    readonly unit: string;
    readonly amount: number;
    /** Unit of what one costs, and how many of it a second is. */
    readonly cost: string;
    readonly cost_per_second: number;
  };
  measure(
    lab: TrafficLab,
    running: Running,
    seconds: number,
  ): Promise<Sample>;
}

/** Enough that every worker has something to do whenever another waits. */
const CONNECTIONS = 64;

/** A transfer's first second is slow start, not throughput. */
const WARM_UP_MS = 500;

/** A new connection per request, as many as the machine can: a closed loop. */
export const CONNECTION_LOAD: Load = {
  name: "connections",
  title: "Connections per second",
  per: { unit: "connections/s", amount: 1, cost: "µs", cost_per_second: 1e6 },
  async measure(lab, running, seconds) {
    const meter = startMeter(lab, running, endedChildrenSeconds);
    const client = lab.start(lab.topology.client, [
      ...lab.programs.argv("wrk"),
      ...["-t", `${lab.backends.length}`, "-c", `${CONNECTIONS}`, "-d", `${seconds}s`],
      ...["-H", "Connection: close", `http://${DOOR}/`],
    ]);
    const said = await Array.fromAsync(client.lines);
    const { code, stderr } = await client.ended;
    const cpu = meter();
    if (code !== 0) throw new Error(`wrk ended with ${code}: ${stderr.trim()}`);
    return { ...parseWrk(said.join("\n")), cpu };
  },
};

/** One transfer per backend that does not end. */
export const DOWNLOAD_LOAD: Load = {
  name: "downloads",
  title: "Long downloads",
  per: { unit: "GiB/s", amount: 1 << 30, cost: "ms", cost_per_second: 1e3 },
  async measure(lab, running, seconds) {
    const clients = lab.backends.map(() => download(lab));
    try {
      await sleep(WARM_UP_MS);
      const pids = clients.map(({ pid }) => pid);
      const before = await receivedBytes(lab);
      const meter = startMeter(lab, running, () => processSeconds(pids));
      const began_ms = performance.now();
      await sleep(seconds * 1000);
      const cpu = meter();
      const ended_ms = performance.now();
      const amount = await receivedBytes(lab) - before;
      return { amount, seconds: (ended_ms - began_ms) / 1000, errors: await dead(clients), cpu };
    } finally {
      for (const client of clients) client.kill();
      await Promise.all(clients.map(({ ended }) => ended));
    }
  },
};

/** The address and port that clients connect to, whoever the contender is. */
const DOOR = `${VIP}:${VIP_PORT}`;

/** One connection, over which the same file comes again and again: it lies in memory, and never ends. */
function download(lab: TrafficLab): Child {
  const url = `http://${DOOR}/${BIG_FILE}?[1-1000000]`;
  return lab.start(lab.topology.client, [
    ...lab.programs.argv("curl"),
    ...["--silent", "--fail", "--interface", CLIENT[4], "--output", "/dev/null", url],
  ]);
}

async function dead(clients: readonly Child[]): Promise<number> {
  const states = clients.map(({ ended }) => Promise.race([ended.then(() => 1), sleep(0)]));
  return (await Promise.all(states)).filter((state) => state === 1).length;
}

/** The interface's own count: what clients say of transfers that are cut off is of no use. */
async function receivedBytes({ topology }: TrafficLab): Promise<number> {
  const path = "/sys/class/net/eth0/statistics/rx_bytes";
  return Number((await topology.run(topology.client, ["cat", path])).stdout);
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** @returns what ends the metering and says what was used since */
function startMeter(lab: TrafficLab, running: Running, client: () => number): () => CpuUse {
  const read = () => ({
    ...cpuTimes(),
    client_s: client(),
    backends_s: processSeconds(lab.backend_pids),
    balancer_s: processSeconds(running.pids),
  });
  const before = read();
  return () => {
    const after = read();
    return {
      busy_s: after.busy_s - before.busy_s,
      idle_s: after.idle_s - before.idle_s,
      steal_s: after.steal_s - before.steal_s,
      client_s: after.client_s - before.client_s,
      backends_s: after.backends_s - before.backends_s,
      balancer_s: after.balancer_s - before.balancer_s,
    };
  };
}

const WRK_TOTAL = /(\d+) requests in ([\d.]+)(ms|s|m),/;
const WRK_SOCKET_ERRORS = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/;
const WRK_STATUS_ERRORS = /Non-2xx or 3xx responses: (\d+)/;
const SECONDS_PER: Readonly<Record<string, number>> = { ms: 0.001, s: 1, m: 60 };

/** What wrk prints at its end. Pure. @throws {Error} where it is something else */
export function parseWrk(text: string): Omit<Sample, "cpu"> {
  const total = WRK_TOTAL.exec(text);
  if (!total) throw new Error(`this is not what wrk prints: ${text.trim()}`);
  const socket = WRK_SOCKET_ERRORS.exec(text)?.slice(1) ?? [];
  const status = WRK_STATUS_ERRORS.exec(text)?.slice(1) ?? [];
  return {
    amount: Number(total[1]),
    seconds: Number(total[2]) * SECONDS_PER[total[3]!]!,
    errors: [...socket, ...status].reduce((sum, count) => sum + Number(count), 0),
  };
}
