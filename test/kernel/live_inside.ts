/**
 * Test equipment: keeps live counts in the network namespace it is started in, makes connections there meanwhile,
 * and prints what was counted, beside what conntrack(8) lists. `deno run -A live_inside.ts ACT`
 */
import { DEFAULT_MARK_MASK, idOfMark, markLayout } from "../../lib/model/mark.ts";
import { flowHash } from "../../lib/engine/nfqueue/flow_hash.ts";
import { LiveCounts } from "../../lib/engine/nfqueue/live.ts";
import { newSharedLoads, ThreadLoads } from "../../lib/engine/nfqueue/shared_loads.ts";
import { batchSockets } from "../../lib/sys/batch_socket.ts";
import { sockets } from "../../lib/sys/socket.ts";
import { PATIENCE } from "./patience.ts";

const LAYOUT = markLayout(DEFAULT_MARK_MASK)!;

/** The ids that the namespace's rules give in turn, and one that they do not. */
const IDS = [1, 2, 3];
const OVERRULED = 7;

const TIMEOUT_MS = 20;
const SILENT_STEPS = 20 * PATIENCE;
const END_MS_MAX = 15_000 * PATIENCE;

/** The smallest that the kernel has: a few events. */
const BUFFER_BYTES_MIN = 4_608;

/** Counts by backend id, without zeros, at one moment. */
export interface Sample {
  readonly counted: Record<number, number>;
  /** By conntrack(8): those that are not over. */
  readonly listed: Record<number, number>;
}

/** What an act came to. */
export interface Report {
  readonly samples: readonly Sample[];
  readonly events_lost: number;
}

class Rig {
  readonly shared = newSharedLoads(LAYOUT, 1);
  readonly loads = new ThreadLoads(this.shared, 0);
  readonly samples: Sample[] = [];
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 8080 });
  #live: LiveCounts | undefined;

  listen(buffer_bytes?: number): void {
    const ports = { batchSockets, sockets, now_ms: () => performance.now(), pause: () => {} };
    const options = { timeout_ms: TIMEOUT_MS, buffer_bytes };
    this.#live = new LiveCounts(ports, LAYOUT, this.shared, options);
    while (!this.#live.isReady) this.#live.step();
  }

  /** Connections, both ends of each. */
  async connect(count: number): Promise<Deno.Conn[][]> {
    const connections: Deno.Conn[][] = [];
    for (let made = 0; made < count; made++) {
      const client = Deno.connect({ hostname: "127.0.0.1", port: 8080 });
      connections.push(await Promise.all([client, this.#listener.accept()]));
    }
    return connections;
  }

  /** What becomes of the ends shows in conntrack a moment later; what was lost is read ten times its time later. */
  async settle(): Promise<void> {
    for (let silent = 0; silent < SILENT_STEPS;) {
      silent = this.#live!.step() > 0 ? 0 : silent + 1;
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }

  async settleUntil(id: number, count: number): Promise<void> {
    const end_ms = performance.now() + END_MS_MAX;
    while (this.loads.activeOf(id) !== count && performance.now() < end_ms) await this.settle();
  }

  async sample(): Promise<void> {
    const counted = [...IDS, OVERRULED].map((id) => [id, this.loads.activeOf(id)] as const);
    this.samples.push({
      counted: Object.fromEntries(counted.filter(([, count]) => count !== 0)),
      listed: await listed(),
    });
  }

  report(): Report {
    const { events_lost } = this.#live!;
    this.#live!.close();
    this.#listener.close();
    return { samples: this.samples, events_lost };
  }
}

function close(connections: readonly Deno.Conn[][]): void {
  for (const ends of connections) for (const end of ends) end.close();
}

async function listed(): Promise<Record<number, number>> {
  const { stdout } = await new Deno.Command("conntrack", { args: ["-L"], stderr: "null" }).output();
  const counts: Record<number, number> = {};
  for (const line of new TextDecoder().decode(stdout).split("\n")) {
    const id = idOfMark(LAYOUT, Number(/ mark=(\d+)/.exec(line)?.[1] ?? 0));
    if (id !== 0 && !/ TIME_WAIT | CLOSE /.test(line)) counts[id] = (counts[id] ?? 0) + 1;
  }
  return counts;
}

/** What a queue thread has from the packet: the flow as its client sends it. */
function flowOf(connection: Deno.Conn, seed: number): number {
  const [from, to] = [connection.localAddr, connection.remoteAddr] as Deno.NetAddr[];
  const addresses = [from!, to!].flatMap(({ hostname }) => hostname.split(".").map(Number));
  const fields = { source_at: 0, destination_at: 4, protocol: 6 };
  const ports = { source_port: from!.port, destination_port: to!.port };
  return flowHash(
    new DataView(Uint8Array.from(addresses).buffer),
    { ...fields, ...ports },
    4,
    seed,
  );
}

const ACTS = {
  /** Counts follow connections that begin and end, also those of before. */
  async follow(rig: Rig) {
    const early = await rig.connect(30);
    rig.listen();
    await rig.sample();
    const late = await rig.connect(60);
    await rig.settle();
    await rig.sample();
    close(late.splice(0, 31));
    await rig.settle();
    await rig.sample();
    close([...early, ...late]);
  },
  /** More events than there is room for. */
  async lose(rig: Rig) {
    rig.listen(BUFFER_BYTES_MIN);
    const connections = await rig.connect(150);
    close(connections.splice(0, 70));
    await rig.settleUntil(IDS[0]!, 26);
    await rig.sample();
    close(connections.splice(0, 41));
    await rig.settleUntil(IDS[0]!, 13);
    await rig.sample();
    close(connections);
  },
  /** What nobody tells of: entries made while nobody listened. */
  async overlook(rig: Rig) {
    const early = await rig.connect(9);
    rig.listen();
    const late = await rig.connect(3);
    await rig.settle();
    await rig.sample();
    close(early);
    await rig.settleUntil(IDS[0]!, 1);
    await rig.sample();
    close(late);
  },
  /** Choices count at once, and the entry's own backend in their place. */
  async choose(rig: Rig) {
    rig.listen();
    const connections = await rig.connect(12);
    // Late by what the test needs to know the ports; the events are not read yet.
    for (const [client] of connections) {
      const { seed } = rig.shared;
      rig.loads.take(OVERRULED, rig.loads.activeOf(OVERRULED), flowOf(client!, seed));
    }
    await rig.sample();
    await rig.settle();
    await rig.sample();
    close(connections);
  },
} satisfies Record<string, (rig: Rig) => Promise<void>>;

export type LiveAct = keyof typeof ACTS;

if (import.meta.main) {
  const act: ((rig: Rig) => Promise<void>) | undefined = ACTS[Deno.args[0] as LiveAct];
  const rig = new Rig();
  await act?.(rig);
  console.log(JSON.stringify(rig.report()));
}
