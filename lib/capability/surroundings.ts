import { FAMILIES, type Family } from "../model/address.ts";
import type { MarkLayout } from "../model/mark.ts";
import type { Kernel } from "../sys/ports.ts";
import { type ConntrackFill, conntrackFill, isShortOfRoom, roomTrouble } from "./conntrack_fill.ts";
import { moduleIndex } from "./detect.ts";
import { statefulRules } from "./stateful.ts";

/** A chain as `nft -j list chains` tells it. */
export interface ListedChain {
  readonly family: string;
  readonly table: string;
  readonly name: string;
  readonly type?: string;
  readonly hook?: string;
  readonly prio?: number;
  /** What becomes of a packet that no rule of a base chain decides on. */
  readonly policy?: string;
}

/** What else is on this machine that lb's own rules meet. */
export interface Surroundings {
  /** Chains of all tables but ours. */
  readonly chains: readonly ListedChain[];
  /** undefined where conntrack has not been used yet. */
  readonly conntrack?: ConntrackFill;
  /** Whose rules decide by conntrack's state of packets, if anybody's. */
  readonly watched?: string;
  /** Bridges whose frames go through IPv4 and IPv6 rules (bridge-nf-call-iptables and its twin). */
  readonly filteredBridges: readonly string[];
}

/** Where lb's own nat chains stand: what comes before them translates first. */
const NAT_PRIORITY = -105;

/** Packet marks of kube-proxy: masquerade (0x4000) and, in older releases, drop (0x8000). */
const KUBE_MARKS = 0xc000;

/** Looks around; changes nothing. What cannot be read is left out. */
export async function lookAround(kernel: Kernel): Promise<Surroundings> {
  return {
    chains: await foreignChains(kernel),
    conntrack: conntrackFill(kernel.files),
    watched: await watchedBy(kernel),
    filteredBridges: filteredBridges(kernel),
  };
}

/** The IP versions whose packets pass through a table of each family. */
const TABLE_FAMILIES: Readonly<Record<string, readonly Family[]>> = {
  ip: [4],
  ip6: [6],
  inet: FAMILIES,
};

/**
 * What the operator should know of it, in words. Pure.
 *
 * @param families the IP versions of the services
 */
export function conflicts(
  around: Surroundings,
  marks: MarkLayout | undefined,
  families: readonly Family[] = FAMILIES,
): string[] {
  return [
    ...around.chains.filter(translatesFirst).map(({ family, table, name, hook, prio }) =>
      `chain ${name} of table ${family} ${table} translates addresses at ${hook} before lb ` +
      `(priority ${prio}, lb has ${NAT_PRIORITY}): what it takes never gets to a service`
    ),
    ...around.chains.filter((chain) => mayDrop(chain, families)).map(({ family, table, name }) =>
      `chain ${name} of table ${family} ${table} drops what is forwarded (policy drop), unless its ` +
      "rules accept it: what goes to the backends and back has to be among that"
    ),
    ...kubeConflicts(around.chains, marks),
    ...around.filteredBridges.map((bridge) =>
      `bridge ${bridge} sends its frames through IP rules (net.bridge.bridge-nf-call-iptables=1): a ` +
      "backend behind it that is chosen for its own connection loses a second; set it to 0 unless " +
      "something else needs it"
    ),
    ...conntrackConflicts(around.conntrack),
  ];
}

function translatesFirst({ type, hook, prio }: ListedChain): boolean {
  return type === "nat" && (hook === "prerouting" || hook === "output") &&
    prio !== undefined && prio <= NAT_PRIORITY;
}

/** Whether its rules accept the services' connections is more than can be told from outside. */
function mayDrop({ family, hook, policy }: ListedChain, families: readonly Family[]): boolean {
  return hook === "forward" && policy === "drop" &&
    families.some((each) => TABLE_FAMILIES[family]?.includes(each));
}

function kubeConflicts(chains: readonly ListedChain[], marks: MarkLayout | undefined): string[] {
  const isKube = ({ table, name }: ListedChain) =>
    table === "kube-proxy" || name.startsWith("KUBE-");
  if (!marks || (marks.mask & KUBE_MARKS) === 0 || !chains.some(isKube)) return [];
  return [
    "kube-proxy is here and uses the packet marks 0x4000 and 0x8000, which lie inside mark_mask: " +
    'choose other bits, for instance mark_mask = "0xffff0000"',
  ];
}

function conntrackConflicts(fill: ConntrackFill | undefined): string[] {
  return fill && isShortOfRoom(fill) ? [roomTrouble(fill)] : [];
}

/** What cannot be read is for a run to tell. */
async function watchedBy(kernel: Kernel): Promise<string | undefined> {
  try {
    return await statefulRules(kernel);
  } catch {
    return undefined;
  }
}

/** Listing would load nf_tables where it is not loaded; and then there is nothing to list. */
async function foreignChains(kernel: Kernel): Promise<ListedChain[]> {
  if ((await moduleIndex(kernel)).find(["nf_tables", "NF_TABLES"]).mightLoad) return [];
  try {
    const { code, stdout } = await kernel.process.run(["nft", "-j", "list", "chains"]);
    if (code !== 0) return [];
    const { nftables } = JSON.parse(stdout) as { nftables: readonly { chain?: ListedChain }[] };
    return nftables.flatMap(({ chain }) => chain ? [chain] : [])
      .filter(({ family, table }) => family !== "inet" || table !== "lb");
  } catch {
    // No nft, or none that speaks JSON: the capabilities say so.
    return [];
  }
}

function filteredBridges({ files }: Kernel): string[] {
  const isOn = ["iptables", "ip6tables"].some((name) =>
    files.read(`/proc/sys/net/bridge/bridge-nf-call-${name}`)?.trim() === "1"
  );
  if (!isOn) return [];
  return files.list("/sys/class/net")
    .filter((name) => files.list(`/sys/class/net/${name}/bridge`).length > 0);
}
