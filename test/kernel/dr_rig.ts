/** Equipment of the tests of `forward = "dr"`: backends that are ready for it, and what arrives at them. */
import assert from "node:assert/strict";
import { parseConfig } from "../../lib/config/load.ts";
import { vipAddress } from "../../lib/demo/layout.ts";
import { inside } from "../../lib/demo/namespace.ts";
import type { RequestsSpec } from "../../lib/demo/role/spec.ts";
import { FAMILIES, type Family, parseAddress } from "../../lib/model/address.ts";
import { backendNames, placeServices } from "../../lib/reconcile/place.ts";
import { hashSlot, slotsOf } from "../../lib/scheduler/slots.ts";
import { allocateIds } from "../../lib/store/ids.ts";
import { clock } from "../../lib/sys/clock.ts";
import { process } from "../../lib/sys/process.ts";
import { type ServiceText, serviceText } from "./config.ts";
import { kernelTests, type Lab, LB } from "./harness.ts";
import { must } from "./steps.ts";

/** Host number of a VIP that backends have beside 10, and that of the client on one arm. */
export const SECOND_VIP = 20;
const CLIENT_HOST = 200;

/** A service with dr: the port stays as it is. */
export const DIRECT: ServiceText = {
  weights: [1, 1, 1],
  scheduler: "maglev",
  port: 0,
  one_arm: true,
  more: 'forward = "dr"',
};

/** A service that is translated, for conntrack to be at work beside. */
export const TRANSLATED = {
  name: "nat",
  vips: [SECOND_VIP],
  weights: [1, 1],
  one_arm: true,
  more: "masquerade = true",
};

/** Registers tests in a lab whose backends are ready. One for each file: the lab ends with its tests. */
export function tests(): (name: string, act: (lab: Lab) => Promise<void>) => void {
  const withLab = kernelTests({ backends: 3, one_arm: true });
  return (name, act) =>
    withLab(name, async (lab) => {
      await prepare(lab);
      await act(lab);
    });
}

/** So that a neighbour that is gone is missed in seconds, not in a minute, and one that is slow is not. */
const HASTY_NEIGHBOURS = [
  "base_reachable_time_ms=1000",
  "delay_first_probe_time=1",
  "retrans_time_ms=300",
];

const prepared = new WeakSet<Lab>();

/** Makes the backends what `lb doctor --backend` wants them to be. Once for each lab. */
export async function prepare(lab: Lab): Promise<void> {
  const { balancer, backends } = lab.topology;
  if (prepared.has(lab)) return;
  prepared.add(lab);
  await Promise.all(backends.map((backend) => prepareBackend(lab, backend)));
  const settings = FAMILIES.flatMap((family) =>
    HASTY_NEIGHBOURS.map((setting) => `net.ipv${family}.neigh.back.${setting}`)
  );
  await runIn(lab, balancer, "sysctl", "-q", "-w", ...settings);
}

async function prepareBackend(lab: Lab, backend: string): Promise<void> {
  const vips = FAMILIES.flatMap((family) =>
    [10, SECOND_VIP].map((host) => vipAddress(family, host))
  );
  const [program, ...args] = LB;
  const doctor = inside(backend, [program!, ...args, "doctor", "--backend", "--json", ...vips]);
  const { commands } = JSON.parse((await process.run(doctor)).stdout) as { commands: string[] };
  for (const command of commands) await runIn(lab, backend, ...command.split(" "));
  // A datagram server that listens on all addresses answers from the one that the route names.
  for (const family of FAMILIES) {
    const route = [vipAddress(family, CLIENT_HOST), "dev", "eth0", "src", vipAddress(family, 10)];
    await runIn(lab, backend, "ip", `-${family}`, "route", "add", ...route);
  }
}

/** Runs a program that has to succeed. @returns what it printed */
export async function runIn(lab: Lab, namespace: string, ...argv: string[]): Promise<string> {
  const { code, stdout, stderr } = await lab.topology.run(namespace, argv);
  assert.equal(code, 0, `${argv.join(" ")}: ${stderr}`);
  return stdout;
}

/** A frame that went to a VIP, as tcpdump saw it. */
export interface Frame {
  readonly from_mac: string;
  readonly to_mac: string;
  /** `ADDRESS.PORT` */
  readonly from: string;
  readonly to: string;
  readonly text: string;
}

/** Frames that arrive at each backend while something happens. */
export async function arriving(
  lab: Lab,
  filter: string,
  act: () => Promise<void>,
): Promise<Frame[][]> {
  const dumps = await Promise.all(lab.topology.backends.map(async (backend) => {
    const argv = [
      "timeout",
      "60",
      "tcpdump",
      "-Q",
      "in",
      "-i",
      "eth0",
      "-n",
      "-e",
      "-l",
      "--immediate-mode",
      // Of a whole frame's length each there is room for a few only, and a burst would be cut short.
      "-s",
      "256",
    ];
    // What goes to the client passes by here, too, where nobody knows yet behind which port it is.
    const script = `exec ${argv.join(" ")} '${filter}' 2>&1`;
    const dump = lab.traffic.program(backend, ["sh", "-c", script]);
    assert.match((await dump.lines.next()).value, /listening|verbose/);
    return { backend, dump };
  }));
  await act();
  // The last ones are on their way through a socket and a pipe.
  await clock.sleep(1_000);
  return await Promise.all(dumps.map(async ({ backend, dump }) => {
    // tcpdump prints what it has when it is asked to end.
    await lab.topology.run(backend, ["kill", "-TERM", `${dump.pid}`]);
    const frames: Frame[] = [];
    for await (const line of dump.lines) frames.push(...readFrame(line));
    return frames;
  }));
}

function readFrame(text: string): Frame[] {
  const found = /^\S+ ([0-9a-f:]{17}) > ([0-9a-f:]{17}), .*? length \d+: (\S+) > (\S+): /.exec(
    text,
  );
  if (!found) return [];
  const [, from_mac = "", to_mac = "", from = "", to = ""] = found;
  return [{ from_mac, to_mac, from, to, text }];
}

/** The link address of an interface. */
export async function macOf(lab: Lab, namespace: string, name: string): Promise<string> {
  const link = await runIn(lab, namespace, "ip", "-oneline", "link", "show", name);
  return /link\/ether (\S+)/.exec(link)![1]!;
}

/** Which backend lb says a connection gets: `b1`, `b2`, … */
export async function predicted(
  service: ServiceText,
  family: Family,
  source: string,
  ports: readonly number[],
): Promise<string[]> {
  const { config } = await parseConfig(serviceText(service), "lb.toml");
  const rows = allocateIds([], backendNames(config.services), config.marks.idMax - 1, 0);
  const link = { ifindex: 1, interface: "back", answers: true };
  const ways = new Map(
    config.services[0]!.backends.map(({ address }) => [address.text, { address, link }]),
  );
  const links = { ways, ingress: { interfaces: [], routed: [] } };
  const engineOf = new Map([[config.services[0]!.name, "nft" as const]]);
  const engine = { name: "nft", serves: ["nft"], usesNat: true, variants: [] } as const;
  const state = placeServices(config, engineOf, engine, rows, { capabilities: [] }, links);
  const [placed] = state.services;
  const table = slotsOf(placed!, family);
  const own = placed!.backends.filter(({ address }) => address.family === family);
  return ports.map((port) => {
    const id = table.slots[hashSlot(table, parseAddress(source)!, port)!];
    return `b${own.findIndex((backend) => backend.id === id) + 1}`;
  });
}

/** The client's own address on one arm. */
export function clientAddress(family: Family): string {
  return vipAddress(family, CLIENT_HOST);
}

/** All rules and elements, sorted: without counts and the mark of the last transaction. */
export async function kernelState(lab: Lab): Promise<string> {
  const text = await must(lab, "nft", "--stateless", "list", "ruleset");
  const objects = text.split(/^\}$|\n(?=\t\S+ \S+ \{$)/m).map((object) => object.trim());
  return objects.filter((object) => !object.startsWith("set revision ")).sort().join("\n");
}

/** Conntrack entries about a VIP, in the balancer. */
export async function tracked(lab: Lab, family: Family, vip: string): Promise<string> {
  return await must(lab, "conntrack", "-L", "-f", `ipv${family}`, "--orig-dst", vip);
}

/** What tests ask of clients. */
export type Ask = Omit<RequestsSpec, "role">;
