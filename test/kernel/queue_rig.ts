/** Test equipment: a namespace with queues behind the interface up0, its neighbour, and who listens. */
import assert from "node:assert/strict";
import { inside } from "../../lib/demo/namespace.ts";
import type { Family } from "../../lib/model/address.ts";
import { type QueueStatistics, queueStatistics } from "../../lib/netlink/queue/statistics.ts";
import { children } from "../../lib/sys/children.ts";
import type { Child } from "../../lib/sys/ports.ts";
import type { Need } from "./able.ts";
import { connect, inNamespaces, macOf, run } from "./netlink_rig.ts";
import type { FramesSpec } from "./queue_frames.ts";
import type { QueueResult, QueueSpec } from "./queue_spec.ts";

const INSIDE = new URL("./queue_inside.ts", import.meta.url).pathname;
const FRAMES = new URL("./queue_frames.ts", import.meta.url).pathname;
const CONFIG = new URL("../../deno.json", import.meta.url).pathname;

/** The neighbour has this many addresses, from the second on. */
export const CLIENTS = 32;

/** Address `host` of the network between the two; the first is that of the namespace with the queues. */
export function hostAddress(family: Family, host: number): string {
  return family === 4 ? `192.0.2.${host}` : `2001:db8:c::${host.toString(16)}`;
}

/** What is queued, and where to. */
export interface QueueRule {
  /** Only what opens a tcp connection, or all that has an address of {@linkcode hostAddress}. */
  readonly match: "syn" | "all";
  /** The first and the last number. @default 0 for both */
  readonly queues?: readonly [number, number];
  /** Without a listener, packets pass. @default true */
  readonly isBypass?: boolean;
}

/** A way to queue packets. */
export interface Way {
  readonly name: string;
  readonly need: Need;
  /** Queues what comes in at up0, and counts what reaches this machine with a mark. */
  write(name: string, rule: QueueRule, mark: number): Promise<void>;
  /** How many packets with the mark came that far. */
  marked(name: string): Promise<number>;
}

const SOURCES = { 4: "192.0.2.0/24", 6: "2001:db8:c::/64" } as const;

function xt(family: Family, name: string, ...argv: string[]): Promise<string> {
  const program = family === 4 ? "iptables-legacy" : "ip6tables-legacy";
  return run(name, program, "-w", "10", "-t", "mangle", ...argv);
}

const XT: Way = {
  name: "xtables",
  need: "xt_queue",
  async write(name, { match, queues = [0, 0], isBypass = true }, mark) {
    for (const family of [4, 6] as const) {
      const what = match === "syn" ? ["-p", "tcp", "--syn"] : ["-s", SOURCES[family]];
      const where = queues[0] === queues[1]
        ? ["--queue-num", `${queues[0]}`]
        : ["--queue-balance", queues.join(":")];
      const target = ["-j", "NFQUEUE", ...where, ...(isBypass ? ["--queue-bypass"] : [])];
      await xt(family, name, "-A", "PREROUTING", "-i", "up0", ...what, ...target);
      await xt(family, name, "-A", "INPUT", "-m", "mark", "--mark", `${mark}`);
    }
  },
  async marked(name) {
    const listings = await Promise.all(
      ([4, 6] as const).map((family) => xt(family, name, "-nvxL", "INPUT")),
    );
    return listings.reduce(
      (sum, text) => sum + Number(/^ *(\d+) .*mark match/m.exec(text)?.[1]),
      0,
    );
  },
};

const NFT: Way = {
  name: "nft",
  need: "nft_queue",
  async write(name, { match, queues = [0, 0], isBypass = true }, mark) {
    const flags = isBypass ? "flags bypass " : "";
    const what = match === "syn"
      ? ["tcp flags & (syn | ack) == syn"]
      : [`ip saddr ${SOURCES[4]}`, `ip6 saddr ${SOURCES[6]}`];
    const where = queues[0] === queues[1] ? `${queues[0]}` : queues.join("-");
    await run(
      name,
      "nft",
      [
        "add table inet t",
        "add chain inet t pre { type filter hook prerouting priority -150; }",
        "add chain inet t in { type filter hook input priority -150; }",
        ...what.map((one) => `add rule inet t pre iifname up0 ${one} queue ${flags}to ${where}`),
        `add rule inet t in meta mark ${mark} counter`,
      ].join("; "),
    );
  },
  async marked(name) {
    return Number(
      /counter packets (\d+)/.exec(await run(name, "nft", "list", "table", "inet", "t"))?.[1],
    );
  },
};

/** All there are; a test says which it is about. */
export const WAYS: readonly Way[] = [XT, NFT];

/** Somebody who listens. */
export interface Listener {
  /** Ends it, once what waits has its verdict. */
  end(): Promise<readonly QueueResult[]>;
  /** SIGKILL. */
  kill(): Promise<void>;
}

/** The two namespaces: one with queues, and its neighbour. */
export interface Rig {
  readonly name: string;
  readonly neighbour: string;
  /** Waits until it is bound. @throws {Error} with what it complained of, where it cannot be */
  listen(spec: QueueSpec): Promise<Listener>;
  /** Sends packets from the neighbour, as they are. */
  inject(packets: readonly Uint8Array[], times?: number): Promise<void>;
  /** By the kernel's own file. */
  statistics(): Promise<readonly QueueStatistics[]>;
  /** How many SYNs the neighbour had to send again, because the answer took a second. */
  synsAgain(): Promise<number>;
}

export function withRig(use: (rig: Rig) => Promise<void>): Promise<void> {
  const running = new Set<Child>();
  return inNamespaces(2, async ([name, neighbour]) => {
    await connect(name, neighbour);
    await address(name, [1]);
    await address(neighbour, Array.from({ length: CLIENTS }, (_, index) => index + 2));
    try {
      await use({
        ...{ name, neighbour },
        listen: (spec) => listen(name, spec, running),
        async inject(packets, times) {
          const to_mac = await macOf(name);
          const hex = packets.map((packet) => packet.toHex());
          const spec: FramesSpec = { link: "up0", to_mac, packets: hex, times };
          await run(neighbour, ...deno(FRAMES, spec));
        },
        synsAgain: async () =>
          counterIn(await run(neighbour, "cat", "/proc/net/netstat"), "TCPSynRetrans"),
        statistics: async () =>
          statisticsIn(await run(name, "cat", "/proc/net/netfilter/nfnetlink_queue")),
      });
    } finally {
      for (const child of running) child.kill();
      await Promise.all([...running].map(({ ended }) => ended));
    }
  });
}

function statisticsIn(text: string): readonly QueueStatistics[] {
  return queueStatistics({ read: () => text }) ?? [];
}

/** In a line of names and one of numbers. */
function counterIn(text: string, name: string): number {
  const [names = [], numbers = []] = text.split("\n").map((line) => line.split(" "));
  return Number(numbers[names.indexOf(name)]);
}

async function address(name: string, hosts: readonly number[]): Promise<void> {
  const lines = hosts.flatMap((host) => [
    `address add ${hostAddress(4, host)}/24 dev up0`,
    `address add ${hostAddress(6, host)}/64 dev up0 nodad`,
  ]);
  const file = Deno.makeTempFileSync({ prefix: "lb-queue-" });
  try {
    Deno.writeTextFileSync(file, lines.join("\n"));
    await run(name, "ip", "-batch", file);
  } finally {
    Deno.removeSync(file);
  }
}

function deno(script: string, input: unknown): string[] {
  const argv = [Deno.execPath(), "run", "-A", "--no-check", "--config", CONFIG, script];
  return [...argv, JSON.stringify(input)];
}

async function listen(name: string, spec: QueueSpec, running: Set<Child>): Promise<Listener> {
  const child = children.spawn(inside(name, deno(INSIDE, spec)));
  running.add(child);
  child.ended.then(() => running.delete(child));
  const { value } = await child.lines.next();
  if (value !== "ready") throw new Error((await child.ended).stderr);
  return {
    async end() {
      await child.closeInput();
      const { value = "" } = await child.lines.next();
      const { code, stderr } = await child.ended;
      assert.equal(code, 0, stderr);
      return JSON.parse(value);
    },
    async kill() {
      child.kill();
      await child.ended;
      await child.closeInput();
    },
  };
}
