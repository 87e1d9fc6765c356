import { contains, formatPrefix, fullLength, isSingle, type Prefix } from "../../model/address.ts";
import type { Interface } from "../interface.ts";
import { keyFor } from "../sysctl/key.ts";
import { type Requirement, REQUIREMENTS } from "./requirement.ts";

/** One thing a backend must have, beside what it has. */
export interface BackendCheck {
  /** A VIP or a sysctl, with the interface it is about. */
  readonly object: string;
  readonly wanted: string;
  readonly found: string;
  readonly ok: boolean;
  readonly why: string;
  /** What sets it right, in order; nothing where it is right. */
  readonly commands: readonly string[];
}

/** The backend's machine. */
export interface BackendMachine {
  readonly interfaces: readonly Interface[];
  /** Whether packets to this VIP are taken in. */
  readonly isLocal: (vip: Prefix) => boolean;
  /** A sysctl's value; undefined where there is none of that name. */
  readonly sysctl: (key: string) => string | undefined;
}

/**
 * Holds a backend's machine against what `forward = "dr"` takes. In the order in which things are to be
 * set right: once the VIP is there, its neighbours may ask for it. Pure.
 */
export function checkBackend(vips: readonly Prefix[], machine: BackendMachine): BackendCheck[] {
  const links = machine.interfaces.filter(hasNeighbours);
  const needsArp = vips.some(({ family }) => family === 4);
  return [
    ...(needsArp ? REQUIREMENTS.flatMap((one) => checkSetting(one, links, machine)) : []),
    ...vips.flatMap((vip) => [checkSilent(vip, links), checkLocal(vip, machine)]),
  ];
}

/** How the machine is set that way over a restart: by file, and the lines in it. Pure. */
export function permanently(
  vips: readonly Prefix[],
): { readonly file: string; readonly lines: readonly string[] }[] {
  const sysctls = vips.some(({ family }) => family === 4)
    ? REQUIREMENTS.filter(({ ifSeveral }) => !ifSeveral)
    : [];
  const settings = sysctls.map(({ name, wanted }) => `net.ipv4.conf.all.${name} = ${wanted}`);
  return [
    ...(settings.length > 0 ? [{ file: "/etc/sysctl.d/90-lb-backend.conf", lines: settings }] : []),
    {
      file: '/etc/network/interfaces, below "iface lo inet loopback"',
      lines: vips.map((vip) => `up ${addCommand(vip)}`),
    },
  ];
}

/** What is enslaved leaves ARP to its master; lo and dummy interfaces have no neighbours. */
function hasNeighbours({ up, mac, loopback, enslaved, dummy }: Interface): boolean {
  return up && mac !== undefined && !loopback && !enslaved && !dummy;
}

function checkSetting(
  requirement: Requirement,
  links: readonly Interface[],
  { sysctl }: BackendMachine,
): BackendCheck[] {
  const { name, wanted, accepts, ifSeveral, why } = requirement;
  const concerned = links.filter(({ addresses }) => addresses.some(({ family }) => family === 4));
  if (ifSeveral && concerned.length < 2) return [];
  return concerned.map((link) => {
    const keys = ["all", link.name].map((of) => keyFor(`net.ipv4.conf.*.${name}`, of));
    const values = keys.map((key) => Number(sysctl(key) ?? 0));
    const found = `${Math.max(...values)}`;
    const ok = accepts.includes(found);
    const isLow = Number(found) < Number(wanted);
    const wrong = isLow
      ? keys.slice(0, 1)
      : keys.filter((_, at) => !accepts.includes(`${values[at]}`));
    const commands = ok ? [] : wrong.map((key) => `sysctl -w ${key}=${wanted}`);
    return { object: keys[1]!, wanted, found, ok, why, commands };
  });
}

function checkSilent(vip: Prefix, links: readonly Interface[]): BackendCheck {
  const holders = links.flatMap(({ name, addresses }) =>
    addresses.filter((address) => contains(vip, { family: address.family, text: address.text }))
      .map(({ text, length }) => ({ name, address: `${text}/${length}` }))
  );
  const asks = vip.family === 4 ? "ARP" : "neighbour solicitations";
  return {
    object: formatPrefix(vip),
    wanted: "on no interface with neighbours",
    found: holders.length === 0 ? "on none" : `on ${holders.map(({ name }) => name).join(", ")}`,
    ok: holders.length === 0,
    why: `an interface that has it answers to ${asks}, and clients' packets come past the balancer`,
    commands: holders.map(({ name, address }) => `ip addr del ${address} dev ${name}`),
  };
}

function checkLocal(vip: Prefix, { isLocal }: BackendMachine): BackendCheck {
  const ok = isLocal(vip);
  return {
    object: formatPrefix(vip),
    wanted: "an address of this machine",
    found: ok ? "it is" : "it is not",
    ok,
    why: "packets come in addressed to the VIP, and what is not its own a machine does not take in",
    commands: ok ? [] : [addCommand(vip)],
  };
}

/** An IPv4 prefix on lo makes all its addresses local; IPv6 wants a route for that. */
function addCommand(vip: Prefix): string {
  const prefix = `${vip.text}/${vip.length}`;
  if (vip.family === 4) return `ip addr add ${prefix} dev lo`;
  // There is nothing to detect on lo, and yet the kernel takes a moment for it, in which a route cannot have it as its source.
  if (isSingle(vip)) return `ip addr add ${vip.text}/${fullLength(6)} dev lo nodad`;
  return `ip route add local ${prefix} dev lo`;
}
