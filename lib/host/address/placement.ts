import {
  contains,
  formatPrefix,
  fullLength,
  isSingle,
  parsePrefix,
  type Prefix,
} from "../../model/address.ts";
import type { JournalEntry } from "../../model/journal.ts";
import type { Service } from "../../model/service.ts";
import { holdersOf, type Interface, subnetOf } from "../interface.ts";
import type { Blocked } from "../resource.ts";

/** What of a service decides where its VIPs go. */
export interface VipService extends Pick<Service, "name" | "vip" | "vip_on"> {
  /** Its engine takes packets only for addresses that this machine has. @default false */
  readonly local?: boolean;
}

/** A VIP that belongs on an interface. */
export interface Placement {
  readonly link: Interface;
  readonly vip: Prefix;
  /** lb chose the interface; the operator did not name it. */
  readonly auto: boolean;
  /** The first service that asks for it. */
  readonly service: string;
}

/**
 * Where VIPs belong, as `vip_on` of config.md has it: each once, in the services' order; on the loopback
 * interface where a router sends them and they have to be local. Prefixes are routed here: they are placed
 * there where they have to be local, and else not at all. Nor is what {@linkcode homeless} lists. Pure.
 */
export function placements(
  services: readonly VipService[],
  interfaces: readonly Interface[],
): Placement[] {
  const subnets = subnetsOf(interfaces);
  const links = new Map(interfaces.map((link) => [link.name, link]));
  const found = new Map<string, Placement>();
  for (const placement of services.flatMap((service) => placementsOf(service, subnets, links))) {
    const key = placementKey(placement.link.name, placement.vip);
    // What is asked for by name outweighs what lb chose.
    if (!found.has(key) || !placement.auto) found.set(key, placement);
  }
  return [...found.values()];
}

/** The interfaces as they are once every VIP is placed: what other host resources plan for. Pure. */
export function interfacesAfter(
  services: readonly VipService[],
  interfaces: readonly Interface[],
): Interface[] {
  const holders = holdersOf(interfaces);
  const missing = placements(services, interfaces).filter(({ vip }) => isSingle(vip))
    .filter(({ link, vip }) => !holders.get(vip.text)?.has(link));
  const byLink = Map.groupBy(missing, ({ link }) => link);
  return interfaces.map((link) => {
    const arriving = byLink.get(link) ?? [];
    return { ...link, addresses: [...link.addresses, ...arriving.map(({ vip }) => vip)] };
  });
}

/**
 * VIPs that have nowhere to go, because `vip_on` names an interface that is not there: it may have been
 * mistyped, or have gone since. Pure.
 *
 * @param renames new names of interfaces that are known under the name on record
 */
export function homeless(
  services: readonly VipService[],
  interfaces: readonly Interface[],
  renames: ReadonlyMap<string, string>,
): Blocked[] {
  const names = new Set(["auto", "none", ...interfaces.map(({ name }) => name)]);
  return services.filter(({ vip_on }) => !names.has(vip_on)).map(({ name, vip_on }) => ({
    object: `VIP of service ${name}`,
    value: vip_on,
    message: `vip_on = "${vip_on}" of service ${name}: ` +
      (renames.has(vip_on)
        ? `this interface is called ${renames.get(vip_on)} now: write that`
        : `there is no such interface; there are ` +
          `${interfaces.map((link) => link.name).join(", ")} (or "auto", or "none")`),
  }));
}

/**
 * VIPs for which `vip_on = "auto"` finds no interface and that nobody has put on one: packets for them get
 * here only if a router sends them. Each once; prefixes, which always are routed, are not among them. Pure.
 */
function routedVips(
  services: readonly VipService[],
  interfaces: readonly Interface[],
): string[] {
  const subnets = subnetsOf(interfaces);
  const holders = holdersOf(interfaces);
  const vips = services.filter(({ vip_on }) => vip_on === "auto").flatMap(({ vip }) => vip)
    .filter(isSingle)
    .filter((vip) => !holders.has(vip.text))
    .filter((vip) => !subnets.some(({ prefix }) => contains(prefix, vip)));
  return [...new Set(vips.map(({ text }) => text))];
}

/** Addresses that are named in one sentence. */
const NAMED_MAX = 4;

/** What an operator may not expect of where VIPs are, in a sentence; none where there is nothing. Pure. */
export function placementNotes(
  services: readonly VipService[],
  interfaces: readonly Interface[],
): string[] {
  const vips = routedVips(services, interfaces);
  if (vips.length === 0) return [];
  const others = vips.length - NAMED_MAX;
  const names = vips.slice(0, NAMED_MAX).join(", ") + (others > 0 ? ` and ${others} more` : "");
  const [are, them] = vips.length === 1 ? ["is", "it"] : ["are", "them"];
  return [
    `${names} ${are} on no interface here: a router must send ${them} to this machine (vip_on = "none" ` +
    `says that this is meant, the name of an interface puts ${them} there)`,
  ];
}

/** How the journal names a placed VIP: `eth0 203.0.113.10/32`. */
export function placementKey(interfaceName: string, { text, length }: Prefix): string {
  return `${interfaceName} ${text}/${length}`;
}

/** Takes a journal key apart. */
export function parsePlacementKey(key: string): { interfaceName: string; vip: Prefix } | undefined {
  const [interfaceName = "", text = ""] = key.split(" ");
  const vip = parsePrefix(text);
  return vip && { interfaceName, vip };
}

/** The prefixes among what is on record. */
export function placedPrefixes(open: readonly Pick<JournalEntry, "key">[]): Prefix[] {
  return open.flatMap(({ key }) => parsePlacementKey(key)?.vip ?? []).filter((vip) =>
    !isSingle(vip)
  );
}

/** The prefixes that have to be this machine's own. */
export function localPrefixesOf(services: readonly VipService[]): Prefix[] {
  return services.filter(({ local }) => local).flatMap(({ vip }) => vip)
    .filter((vip) => !isSingle(vip));
}

interface Subnet {
  readonly link: Interface;
  readonly prefix: Prefix;
}

/** The subnets that interfaces are in, the narrowest first, then those of the lowest index. */
function subnetsOf(interfaces: readonly Interface[]): Subnet[] {
  return interfaces.filter((link) => !link.loopback).flatMap((link) => {
    // A single address is no subnet, least of all the VIP itself once it is placed.
    const prefixes = link.addresses
      .filter(({ family, length }) => length < fullLength(family))
      .map(subnetOf);
    const distinct = new Map(prefixes.map((prefix) => [formatPrefix(prefix), prefix]));
    return Array.from(distinct.values(), (prefix) => ({ link, prefix }));
  }).sort((a, b) => b.prefix.length - a.prefix.length || a.link.index - b.link.index);
}

function placementsOf(
  { name: service, vip: vips, vip_on, local }: VipService,
  subnets: readonly Subnet[],
  links: ReadonlyMap<string, Interface>,
): Placement[] {
  const auto = vip_on === "auto" || vip_on === "none";
  return vips.flatMap((vip) => {
    const loopback = local ? loopbackOf(links) : undefined;
    // A route makes a prefix local, whatever interface its packets come in by.
    if (!isSingle(vip)) return loopback ? [{ link: loopback, vip, auto: true, service }] : [];
    const named = vip_on === "auto"
      ? subnets.find(({ prefix }) => contains(prefix, vip))?.link
      : links.get(vip_on);
    const link = named ?? (auto ? loopback : undefined);
    return link ? [{ link, vip, auto, service }] : [];
  });
}

/** Where an address is the machine's own, and its neighbours are told nothing. */
function loopbackOf(links: ReadonlyMap<string, Interface>): Interface | undefined {
  return [...links.values()].find(({ loopback }) => loopback);
}
