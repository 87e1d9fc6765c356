/** A balancer that was set up by lb, or by hand as kube-proxy does it, for clients that use their ports again. */
import assert from "node:assert/strict";
import { backendAddress } from "../../lib/demo/layout.ts";
import { door } from "./config.ts";
import type { Lab } from "./harness.ts";
import { apply, must } from "./steps.ts";

/** Where the servers forget their connections, and close them first. */
export const PORT = 9_000;

/** What becomes of the first backend of a service. */
export type Change = "weight 0" | "deleted";

/** The services, all over the same two backends: where clients find them, where the backends listen. */
const SERVICES: readonly {
  readonly name: string;
  readonly at: number;
  readonly port: number;
  readonly then?: Change;
}[] = [
  { name: "web", at: 80, port: PORT, then: "weight 0" },
  { name: "closing", at: 81, port: PORT + 1 },
  { name: "shrinking", at: 82, port: PORT, then: "deleted" },
];

/** Where clients find the service whose servers close first, or whose first backend is changed so. */
export function portFor(closes: boolean, then?: Change): number {
  const port = closes ? PORT + 1 : PORT;
  return SERVICES.find((one) => one.port === port && (!then || one.then === then))!.at;
}

/** Who sets the balancer up, and changes the first backend of its services, of all at once. */
export interface Setup {
  readonly name: string;
  up(lab: Lab): Promise<unknown>;
  change(lab: Lab): Promise<unknown>;
}

/** Set up by lb, in one or several ways. */
export function byLb(name: string, options: { more?: string; before?: Rules } = {}): Setup {
  const first = { "weight 0": 0, "deleted": undefined };
  const services = (isChanged: boolean) =>
    SERVICES.map(({ name, at, port, then }) => ({
      name,
      ports: `[${at}]`,
      port,
      weights: [isChanged && then ? first[then] : 1, 1],
      families: [4] as const,
      more: `engine = "ipvs"\n${options.more ?? ""}`,
    }));
  return {
    name,
    async up(lab) {
      await withRules(lab, options.before ?? []);
      await apply(lab, ...services(false));
    },
    change: (lab) => apply(lab, ...services(true)),
  };
}

/** As kube-proxy sets them from linux 5.9 on. */
const KUBE_PROXY = ["conntrack=1", "conn_reuse_mode=1", "expire_nodest_conn=1"];

/** Set up by hand. @param settings of net.ipv4.vs */
export function byHand(name: string, before: Rules, settings = KUBE_PROXY): Setup {
  const vip = door(4).address;
  const service = (at: number) => ["-t", `${vip}:${at}`];
  const backend = (port: number, index: number) => ["-r", `${backendAddress(4, index)}:${port}`];
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
      for (const { at, port } of SERVICES) {
        await must(lab, "ipvsadm", "-A", ...service(at), "-s", "rr");
        for (const index of [0, 1]) {
          await must(lab, "ipvsadm", "-a", ...service(at), ...backend(port, index), "-m");
        }
      }
    },
    async change(lab) {
      for (const { at, port, then } of SERVICES) {
        const which = [...service(at), ...backend(port, 0)];
        if (then === "deleted") await must(lab, "ipvsadm", "-d", ...which);
        if (then === "weight 0") await must(lab, "ipvsadm", "-e", ...which, "-m", "-w", "0");
      }
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
    ["-t", "raw", "-A", "PREROUTING", "-p", "tcp", "--dport", "80:82", "-j", "CT", "--notrack"],
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
