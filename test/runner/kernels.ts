/** Which test files run on which kernel. */
import type { EngineName } from "../../lib/model/service.ts";
import { type Machine, ROOT } from "../kernel/machine/machine.ts";
import { own } from "../kernel/machine/own.ts";
import { qemu } from "../kernel/machine/qemu.ts";
import { uml } from "../kernel/machine/uml.ts";

/** The kernels there are, in the order they are tested. */
export const MACHINES: readonly Machine[] = [own, uml, qemu];

/** A name of {@linkcode MACHINES}. */
export type MachineName = Machine["name"];

/** One file on one kernel. */
export interface KernelFile {
  readonly on: MachineName;
  readonly path: string;
  /** Of its tests only those whose names match: by Deno's filter, which knows no look-ahead. */
  readonly only?: RegExp;
  /** The data path of services that name none, where it is not lb's to choose. */
  readonly engine?: EngineName;
  /** Runs beside the others of its kernel, one after the other: it waits more than it does. */
  readonly beside?: boolean;
}

interface Elsewhere {
  readonly path: string;
  /** What this kernel shows that our own may not. */
  readonly why: string;
  readonly only?: RegExp;
}

const CAPABILITY: Elsewhere = {
  path: "test/kernel/capability_test.ts",
  why: "what lb says of a kernel is true of this one; looking loads none of its modules",
};

const CONTRACT: Elsewhere = {
  path: "test/contract/nft_kernel_test.ts",
  why: "everything that an engine promises",
};

const HOST: Elsewhere = {
  path: "test/kernel/host_test.ts",
  why: "sysctls and addresses of linux 6.1 are set, and are as before afterwards",
};

const CHOOSE: Elsewhere = {
  path: "test/kernel/choose_test.ts",
  why:
    "the engine of a service follows from what this kernel has, and an uninstall undoes all of it",
};

/** One of each kind, and IPv6: the whole file takes an hour there. */
const QEMU_IPVS = /exact, IPv6|used again.*IPv4|after an uninstall/;

/**
 * What runs on other kernels beside our own, which runs everything: what can come out differently there.
 * An emulated processor takes four times as long: of what takes long, one IP version is asked for.
 */
export const ELSEWHERE: Readonly<Record<Exclude<MachineName, "own">, readonly Elsewhere[]>> = {
  uml: [
    CAPABILITY,
    CHOOSE,
    { ...CONTRACT, why: "skipped by nft's own words, as every test is that takes nft here" },
    HOST,
    {
      path: "test/kernel/netlink_test.ts",
      why:
        "messages of linux 6.1; not those of nf_tables and of marks in conntrack, which it lacks",
      only: /interfaces|addresses|refusal|announced/,
    },
    { path: "test/contract/ipvs_kernel_test.ts", why: "IPVS" },
    { path: "test/kernel/ipvs_test.ts", why: "IPVS" },
    { path: "test/kernel/ipvs_scheduler_test.ts", why: "IPVS, scheduler by scheduler" },
    { path: "test/kernel/ipvs_mark_test.ts", why: "IPVS by mark, which iptables gives" },
    { path: "test/kernel/reuse_test.ts", why: "IPVS, and the delay it is known for" },
    { path: "test/kernel/ipvs_masquerade_test.ts", why: "its rules, by iptables" },
    { path: "test/kernel/why_ipvs_test.ts", why: "IPVS's table, and what a plan does to it" },
    { path: "test/kernel/health_ipvs_test.ts", why: "IPVS, where health is a weight of 0" },
    { path: "test/kernel/monitor_ipvs_test.ts", why: "IPVS, which counts bytes" },
    {
      path: "test/kernel/load_follow_test.ts",
      why: "IPVS, with weights that follow what is measured",
      only: /on ipvs/,
    },
    { path: "test/kernel/queue_test.ts", why: "queues of linux 6.1", only: /what was sent|behind/ },
  ],
  qemu: [
    CAPABILITY,
    CHOOSE,
    { path: "test/kernel/move_test.ts", why: "both engines are here: services move between them" },
    {
      path: "test/kernel/drain_ipvs_test.ts",
      why: "drains on IPVS, with nft to make resets",
      only: /IPv4, followed/,
    },
    CONTRACT,
    { ...HOST, only: /every sysctl and address|vip_on/ },
    {
      path: "test/kernel/netlink_test.ts",
      why: "messages of linux 6.1; not where a second more is too much",
      only: /generation|interfaces|addresses|refusal|of conntrack|deleting|same tuple/,
    },
    {
      path: "test/kernel/queue_test.ts",
      why: "queues of linux 6.1, in a module, also by nft",
      only: /(?:what was sent|full queue|its interface).*nft|connections one.*IPv6/,
    },
    {
      path: "test/kernel/live_test.ts",
      why: "what conntrack of linux 6.1 tells of connections",
      only: /follow/,
    },
    { path: "test/kernel/jhash_test.ts", why: "the hash of this kernel is the one we predict by" },
    { path: "test/contract/ipvs_kernel_test.ts", why: "IPVS, with everything in modules" },
    { path: "test/kernel/ipvs_test.ts", why: "IPVS as Debian builds it", only: QEMU_IPVS },
    {
      path: "test/kernel/ipvs_mark_test.ts",
      why: "IPVS by mark, which nft gives",
      only: /by a mark, IPv6/,
    },
    {
      path: "test/kernel/ipvs_scheduler_test.ts",
      why: "IPVS's schedulers as Debian builds them",
      only: /definition says|, IPv6/,
    },
    {
      path: "test/kernel/reuse_test.ts",
      why: "the delay IPVS is known for, with NOTRACK by nft and on two processors",
    },
    {
      path: "test/kernel/ipvs_masquerade_test.ts",
      why: "its rules, by nft",
      only: /answers come back, IPv4|rules/,
    },
    {
      path: "test/kernel/balance_test.ts",
      why: "each way to choose: in turn, by weight, by hash; tcp and udp",
      only: /turn of wrr.*IPv4|sh gives one.*IPv6|udp is balanced.*IPv6/,
    },
    {
      path: "test/kernel/refuse_test.ts",
      why: "refusing at prerouting and at output, and the balancer as its own client",
      only: /port without a service.*IPv6|served like a client.*IPv4/,
    },
    {
      path: "test/kernel/drift_test.ts",
      why: "what this kernel lists of its rules is told from what it should",
      only: /changed rule|whole table/,
    },
    {
      path: "test/kernel/undo_test.ts",
      why: "an uninstall leaves this kernel's sysctls as they were",
      only: /^after uninstall every/,
    },
    {
      path: "test/kernel/flows_test.ts",
      why: "conntrack of this kernel forgets the flows it is told to",
      only: /before the service was there.*IPv4|stay where they are.*IPv6/,
    },
    {
      path: "test/kernel/queued_test.ts",
      why: "nft's own queues, and the worker of lb behind them",
      only: /queue exactly.*IPv6|turn/,
    },
    {
      path: "test/kernel/sctp_test.ts",
      why: "a kernel that has sctp, and its checksums",
      only: /balanced.*IPv4|refused.*IPv6/,
    },
    {
      path: "test/kernel/limit_test.ts",
      why: "ct count of this kernel",
      only: /full it refuses.*IPv6|second's worth.*IPv4/,
    },
    {
      path: "test/kernel/persistence_test.ts",
      why: "maps that packets fill",
      only: /entries of clients/,
    },
  ],
};

/**
 * What nft promises and nfqueue does, too, though its worker has a say in it. Not that a full backend refuses:
 * the worker passes over it.
 */
const QUEUED: readonly KernelFile[] = [
  { path: "test/kernel/balance_test.ts" },
  { path: "test/kernel/hairpin_test.ts" },
  { path: "test/kernel/limit_test.ts", only: /of a service|max_new|weight/ },
  { path: "test/kernel/persistence_test.ts" },
  { path: "test/kernel/sctp_test.ts" },
  { path: "test/kernel/split_test.ts" },
].map((file) => ({ ...file, on: "own", engine: "nfqueue" }));

/**
 * Files that wait for deadlines, intervals and whole minutes to go by, and as many others for which a second more is
 * nothing that both ways take about as long.
 */
const BESIDE: readonly string[] = [
  "test/kernel/confirm_test.ts",
  "test/kernel/confirm_trouble_test.ts",
  "test/kernel/crash_test.ts",
  "test/kernel/cron_test.ts",
  "test/kernel/departure_test.ts",
  "test/kernel/drain_command_test.ts",
  "test/kernel/drain_test.ts",
  "test/kernel/drift_test.ts",
  "test/kernel/health_test.ts",
  "test/kernel/load_follow_test.ts",
  "test/kernel/machine_test.ts",
  "test/kernel/monitor_test.ts",
  "test/kernel/notify_test.ts",
  "test/kernel/passive_test.ts",
  "test/kernel/persistence_test.ts",
  "test/kernel/screen_end_test.ts",
  "test/kernel/screen_test.ts",
];

/** Every test of the kernel suite, kernel by kernel. */
export function kernelFiles(): KernelFile[] {
  const everywhere: KernelFile[] = [
    ...ownFiles().map((path) => ({ on: "own" as const, path })),
    ...QUEUED,
  ].map((file) => ({ ...file, beside: BESIDE.includes(file.path) }));
  const others = (["uml", "qemu"] as const).flatMap((on) =>
    ELSEWHERE[on].map(({ path, only }) => ({ on, path, only }))
  );
  return [...everywhere, ...others];
}

/** The tests that need a real kernel. An engine's contract is held against a fake one elsewhere. */
function ownFiles(): string[] {
  const contracts = testsIn("test/contract").filter((path) => path.endsWith("_kernel_test.ts"));
  return [...contracts, ...testsIn("test/kernel")];
}

/** The files with tests in a folder of the checkout, by their paths. */
export function testsIn(folder: string): string[] {
  return Array.from(Deno.readDirSync(ROOT + folder), ({ name }) => `${folder}/${name}`)
    .filter((path) => path.endsWith("_test.ts")).sort();
}
