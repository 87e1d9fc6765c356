/**
 * The delay of a second that IPVS is known for (kubernetes #70747, #90854): clients that use their ports again,
 * on a balancer that was set up by lb, or by hand as kube-proxy does it.
 */
import assert from "node:assert/strict";
import { backendAddress, CLIENT } from "../../lib/demo/layout.ts";
import type { Child } from "../../lib/sys/ports.ts";
import { door } from "./config.ts";
import type { Lab } from "./harness.ts";
import { apply, must } from "./steps.ts";

const INSIDE = new URL("./silent_inside.ts", import.meta.url).pathname;

/** Where the servers forget their connections, and close them first. */
const PORT = 9_000;

/** How long all may take to become what it is said to be. */
const SETTLE_MS = 10_000;

/** What becomes of connections, and of the first backend before their ports are used again. */
export interface Scenario {
  readonly what: string;
  readonly how: "close" | "forget" | "reset";
  readonly then?: "weight 0" | "deleted";
}

/** As issue 4 names them. */
export const SCENARIOS: readonly Scenario[] = [
  { what: "a: servers close first", how: "close" },
  { what: "b: a reset that no end believes, then silence", how: "reset" },
  { what: "c: silence, and the old backend gets weight 0", how: "forget", then: "weight 0" },
  { what: "c: a reset, silence, and weight 0", how: "reset", then: "weight 0" },
  { what: "d: silence, and the old backend is deleted", how: "forget", then: "deleted" },
  { what: "d: a reset, silence, and it is deleted", how: "reset", then: "deleted" },
];

/** Who sets the balancer up, and changes its first backend. */
export interface Setup {
  readonly name: string;
  up(lab: Lab): Promise<unknown>;
  change(lab: Lab, what: NonNullable<Scenario["then"]>): Promise<unknown>;
}

/** What came of it. */
export interface Outcome {
  /** How long each connection took, those of the first round left out. */
  readonly times_ms: readonly number[];
  /** How long all of these took together, with their ends. */
  readonly elapsed_ms: number;
  /** New connections that came to the first backend after its weight was taken, or it was. */
  readonly dead: number;
}

/** How many ports are used how often, beside the first time. */
export interface Size {
  readonly ports: number;
  readonly rounds: number;
}

/** Runs scenarios beside servers on each backend. */
export async function withServers<T>(
  lab: Lab,
  act: (run: (setup: Setup, scenario: Scenario, size: Size) => Promise<Outcome>) => Promise<T>,
): Promise<T> {
  const accepted = lab.topology.backends.map(() => 0);
  const servers = lab.topology.backends.map((one) => inside(lab, one, "server", `${PORT}`));
  try {
    for (const { lines } of servers) assert.equal((await lines.next()).value, "ready");
    servers.forEach(async ({ lines }, index) => {
      for await (const _line of lines) accepted[index]!++;
    });
    return await act((setup, scenario, size) => play(lab, accepted, { setup, scenario, size }));
  } finally {
    for (const server of servers) server.kill();
    await Promise.all(servers.map(({ ended }) => ended));
  }
}

/** Each scenario has ports of its own: IPVS has no connections of theirs yet. */
let nextPort = 20_000;

async function play(
  lab: Lab,
  accepted: readonly number[],
  { setup, scenario: { how, then }, size: { ports, rounds } }: {
    readonly setup: Setup;
    readonly scenario: Scenario;
    readonly size: Size;
  },
): Promise<Outcome> {
  await setup.up(lab);
  const before = total(accepted);
  const vip = door(4, 10, how === "close" ? 81 : 80);
  const numbers = [vip.port, nextPort, ports, rounds].map(String);
  nextPort += ports;
  const [unused] = accepted;
  const client = inside(
    ...[lab, lab.topology.client, "client"] as const,
    ...[vip.address, CLIENT[4], how, ...numbers],
  );
  assert.equal((await client.lines.next()).value, "ended");
  await settled(accepted, before + ports);
  if (then) await setup.change(lab, then);
  const first = accepted[0]!;
  assert.ok(first > unused!, "some were at the first backend");
  const begun_ms = performance.now();
  await client.closeInput();
  const times_ms: number[] = JSON.parse((await client.lines.next()).value);
  const elapsed_ms = performance.now() - begun_ms;
  await settled(accepted, before + ports * (rounds + 1));
  return { times_ms, elapsed_ms, dead: then ? accepted[0]! - first : 0 };
}

function inside(lab: Lab, namespace: string, ...args: string[]): Child {
  const deno = [Deno.execPath(), "run", "-A", "--no-check", "--quiet", INSIDE];
  return lab.traffic.program(namespace, [...deno, ...args]);
}

function total(counts: readonly number[]): number {
  return counts.reduce((sum, one) => sum + one);
}

/** What servers say takes a moment to get here. */
async function settled(accepted: readonly number[], count: number): Promise<void> {
  const until = performance.now() + SETTLE_MS;
  while (total(accepted) < count && performance.now() < until) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.equal(total(accepted), count, "every connection came to a backend, once");
}

/** Set up by lb: two services over the same two backends, in one or several ways. */
export function byLb(name: string, options: { more?: string; before?: Rules } = {}): Setup {
  const weights = { "weight 0": [0, 1], "deleted": [undefined, 1] } as const;
  const services = (weights: readonly (number | undefined)[]) => {
    const common = {
      weights,
      families: [4] as const,
      more: `engine = "ipvs"\n${options.more ?? ""}`,
    };
    return [
      { ...common, port: PORT },
      { ...common, name: "closing", ports: "[81]", port: PORT + 1 },
    ];
  };
  return {
    name,
    async up(lab) {
      await withRules(lab, options.before ?? []);
      await apply(lab, ...services([1, 1]));
    },
    change: (lab, what) => apply(lab, ...services(weights[what])),
  };
}

/** As kube-proxy sets them from linux 5.9 on. */
const KUBE_PROXY = ["conntrack=1", "conn_reuse_mode=1", "expire_nodest_conn=1"];

/** Set up by hand. @param settings of net.ipv4.vs */
export function byHand(name: string, before: Rules, settings = KUBE_PROXY): Setup {
  const [vip, backends] = [door(4).address, [0, 1].map((index) => backendAddress(4, index))];
  const service = (offset: number) => ["-t", `${vip}:${80 + offset}`];
  const backend = (offset: number, index: number) => ["-r", `${backends[index]}:${PORT + offset}`];
  return {
    name,
    async up(lab) {
      const { code, stderr } = await lab.balancer.lb("uninstall", "--yes");
      assert.equal(code, 0, stderr);
      await must(lab, "ipvsadm", "-C");
      await withRules(lab, before);
      const keys = settings.map((key) => `net.ipv4.vs.${key}`);
      await must(lab, "sysctl", "-q", "-w", "net.ipv4.ip_forward=1", ...keys);
      await must(lab, "ip", "address", "replace", `${vip}/32`, "dev", "lo");
      for (const offset of [0, 1]) {
        await must(lab, "ipvsadm", "-A", ...service(offset), "-s", "rr");
        for (const index of [0, 1]) {
          await must(lab, "ipvsadm", "-a", ...service(offset), ...backend(offset, index), "-m");
        }
      }
    },
    async change(lab, what) {
      const how = what === "deleted" ? ["-d"] : ["-e"];
      const weight = what === "deleted" ? [] : ["-m", "-w", "0"];
      await must(lab, "ipvsadm", ...how, ...service(0), ...backend(0, 0), ...weight);
    },
  };
}

/** Argument lists of iptables. */
type Rules = readonly (readonly string[])[];

/** Somebody else's rules: conntrack is active where one uses it, as on any real host. */
export const RULES = {
  counting: [["-A", "INPUT", "-m", "conntrack", "--ctstate", "NEW"]],
  deciding: [["-A", "FORWARD", "-m", "conntrack", "--ctstate", "INVALID", "-j", "DROP"]],
  masquerading: [
    ["-A", "INPUT", "-m", "conntrack", "--ctstate", "NEW"],
    ["-t", "nat", "-A", "POSTROUTING", "-p", "tcp", "--dport", "9000:9001", "-j", "MASQUERADE"],
  ],
  untracking: [
    ["-A", "INPUT", "-m", "conntrack", "--ctstate", "NEW"],
    ["-t", "raw", "-A", "PREROUTING", "-p", "tcp", "--dport", "80:81", "-j", "CT", "--notrack"],
    ["-t", "raw", "-A", "PREROUTING", "-p", "tcp", "--sport", "9000:9001", "-j", "CT", "--notrack"],
  ],
} as const satisfies Record<string, Rules>;

/** The older program: UML has no nft for IP. */
async function withRules(lab: Lab, rules: Rules): Promise<void> {
  for (const rule of rules) {
    const known = await lab.balancer.run([
      "iptables-legacy",
      ...rule.with(rule.indexOf("-A"), "-C"),
    ]);
    if (known.code !== 0) await must(lab, "iptables-legacy", ...rule);
  }
}
