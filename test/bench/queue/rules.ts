import { BACK, FRONT } from "../../../lib/demo/layout.ts";
import type { TrafficLab } from "../lab.ts";
import { VIP } from "../servers.ts";

/** The queue that nfqlb's own set-ups use, and the firewall mark of its first target. */
export const QUEUE = 2;
export const FIRST_MARK = 101;

const IPTABLES = ["iptables-legacy", "-w", "10"];

/**
 * What nfqlb's test set-up has for SYN-only mode (syn-only.md, and setup_syn_only() of
 * test/ovl/nfqlb/default/etc/init.d/50nfqueue.rc in its repository), for IPv4: a mark chooses a route, and
 * conntrack keeps it.
 */
function mangleRules(): string[][] {
  const rule = (...words: string[]) => [...IPTABLES, "-t", "mangle", ...words];
  const isIn = (state: string) => ["-m", "conntrack", "--ctstate", state];
  return [
    ...["VIP", "VIPOUT", "ESTABLISHED"].map((chain) => rule("-N", chain)),
    rule("-A", "VIP", ...isIn("ESTABLISHED"), "-j", "ESTABLISHED"),
    rule("-A", "ESTABLISHED", "-j", "CONNMARK", "--restore-mark"),
    rule("-A", "ESTABLISHED", "-j", "ACCEPT"),
    rule("-A", "VIP", "-j", "NFQUEUE", "--queue-num", `${QUEUE}`),
    rule("-A", "VIPOUT", ...isIn("NEW"), "-j", "CONNMARK", "--save-mark"),
    rule("-A", "PREROUTING", "-i", FRONT, "-d", `${VIP}/32`, "-j", "VIP"),
    rule("-A", "POSTROUTING", "-d", `${VIP}/32`, "-j", "VIPOUT"),
  ];
}

function routes(backends: readonly string[], action: "add" | "delete"): string[][] {
  return backends.flatMap((address, index) => {
    const mark = `${FIRST_MARK + index}`;
    return [
      ["ip", "rule", action, "fwmark", mark, "table", mark],
      ["ip", "route", action, "default", "via", address, "table", mark],
    ];
  });
}

/** Lays out nfqlb's rules, without the program. */
export async function layOutRules(lab: TrafficLab): Promise<void> {
  for (const argv of [...mangleRules(), ...routes(lab.backends, "add")]) await lab.must(argv);
}

/** Takes them away, with whatever else iptables has. */
export async function takeAwayRules(lab: TrafficLab): Promise<void> {
  await flushMangle(lab);
  for (const argv of routes(lab.backends, "delete")) await lab.must(argv);
}

/** What the kernel has chosen a way for goes no further: the way to the choice is what is measured. */
export async function stopBehind(lab: TrafficLab): Promise<void> {
  await lab.must([
    ...IPTABLES,
    ...["-t", "mangle", "-A", "FORWARD", "-i", FRONT, "-o", BACK, "-j", "DROP"],
  ]);
}

export async function goOnBehind(lab: TrafficLab): Promise<void> {
  await lab.must([...IPTABLES, "-t", "mangle", "-F", "FORWARD"]);
}

async function flushMangle(lab: TrafficLab): Promise<void> {
  for (const act of ["-F", "-X"]) await lab.must([...IPTABLES, "-t", "mangle", act]);
}
