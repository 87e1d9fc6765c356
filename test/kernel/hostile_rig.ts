/** Test equipment: all that comes from the client goes into the worker's queues, and no further. */
import { CLIENT, FRONT, vipAddress } from "../../lib/demo/layout.ts";
import type { Topology } from "../../lib/demo/topology.ts";
import type { Ends } from "./hostile_packets.ts";
import type { HostileSpec } from "./hostile_inside.ts";

const INSIDE = new URL("./hostile_inside.ts", import.meta.url).pathname;
const CONFIG = new URL("../../deno.json", import.meta.url).pathname;

const ENDS: Ends = {
  4: { from: { family: 4, text: CLIENT[4] }, to: { family: 4, text: vipAddress(4, 10) } },
  6: { from: { family: 6, text: CLIENT[6] }, to: { family: 6, text: vipAddress(6, 10) } },
};

/** Queues all that comes in, whatever it is, and drops it behind. @param queues the first and the last */
export async function queueAll(
  topology: Topology,
  queues: readonly [number, number],
): Promise<void> {
  for (const rule of rulesFor(queues)) await mangle(topology, "-I", rule);
}

/** Undoes {@linkcode queueAll}. */
export async function queueNoMore(
  topology: Topology,
  queues: readonly [number, number],
): Promise<void> {
  for (const rule of rulesFor(queues)) await mangle(topology, "-D", rule);
}

function rulesFor(queues: readonly [number, number]): string[][] {
  const where = queues[0] === queues[1]
    ? ["--queue-num", `${queues[0]}`]
    : ["--queue-balance", queues.join(":")];
  return [
    ["PREROUTING", "-i", FRONT, "-j", "NFQUEUE", ...where, "--queue-bypass"],
    ...["INPUT", "FORWARD"].map((hook) => [hook, "-i", FRONT, "-j", "DROP"]),
  ];
}

async function mangle(
  { run, balancer }: Topology,
  act: "-I" | "-D",
  rule: readonly string[],
): Promise<void> {
  for (const program of ["iptables-legacy", "ip6tables-legacy"]) {
    const argv = [program, "-w", "10", "-t", "mangle", act, ...rule];
    const { code, stderr } = await run(balancer, argv);
    if (code !== 0) throw new Error(`${argv.join(" ")}: ${stderr}`);
  }
}

/** Sends so many from the client. @throws {Error} where that does not end well */
export async function sendHostile(
  { run, balancer, client }: Topology,
  { packets, seed }: Pick<HostileSpec, "packets" | "seed">,
): Promise<void> {
  const { stdout } = await run(balancer, ["cat", `/sys/class/net/${FRONT}/address`]);
  const spec: HostileSpec = { link: "eth0", to_mac: stdout.trim(), ends: ENDS, packets, seed };
  const argv = [Deno.execPath(), "run", "-A", "--no-check", "--config", CONFIG, INSIDE];
  const timeout_ms = 60_000 + packets;
  const { code, stderr } = await run(client, [...argv, JSON.stringify(spec)], { timeout_ms });
  if (code !== 0) throw new Error(`hostile packets of seed ${seed}: ${stderr}`);
}
