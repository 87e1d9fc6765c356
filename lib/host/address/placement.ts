import {
  type Address,
  contains,
  fullLength,
  isSingle,
  parsePrefix,
  type Prefix,
} from "../../model/address.ts";
import { LbError } from "../../model/error.ts";
import type { Service } from "../../model/service.ts";
import { hasAddress, type Interface, subnetOf } from "../interface.ts";

/** What of a service decides where its VIPs go. */
export type VipService = Pick<Service, "name" | "vip" | "vip_on">;

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
 * Where VIPs belong, as `vip_on` of config.md has it: each once, in the services' order. Prefixes are
 * never placed: they are routed here. Pure.
 *
 * @throws {LbError} `unsupported` where `vip_on` names interfaces that do not exist
 */
export function placements(
  services: readonly VipService[],
  interfaces: readonly Interface[],
): Placement[] {
  refuseUnknown(services, interfaces);
  const found = new Map<string, Placement>();
  for (const placement of services.flatMap((service) => placementsOf(service, interfaces))) {
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
  const placed = placements(services, interfaces);
  return interfaces.map((link) => ({
    ...link,
    addresses: [
      ...link.addresses,
      ...placed.filter((one) => one.link === link && !hasAddress(link, one.vip))
        .map(({ vip }) => vip),
    ],
  }));
}

/** How the journal names a placed VIP: `eth0 203.0.113.10/32`. */
export function placementKey(interfaceName: string, { text, family }: Address): string {
  return `${interfaceName} ${text}/${fullLength(family)}`;
}

/** Takes a journal key apart. */
export function parsePlacementKey(key: string): { interfaceName: string; vip: Prefix } | undefined {
  const [interfaceName = "", text = ""] = key.split(" ");
  const vip = parsePrefix(text);
  return vip && { interfaceName, vip };
}

function placementsOf(service: VipService, interfaces: readonly Interface[]): Placement[] {
  const auto = service.vip_on === "auto";
  return service.vip.filter(isSingle).flatMap((vip) => {
    const link = auto
      ? interfaceOf(vip, interfaces)
      : interfaces.find(({ name }) => name === service.vip_on);
    return link ? [{ link, vip, auto, service: service.name }] : [];
  });
}

/** The interface in whose subnet the VIP is; the narrowest subnet, then the lowest index. */
function interfaceOf(vip: Prefix, interfaces: readonly Interface[]): Interface | undefined {
  // A single address is no subnet, least of all the VIP itself once it is placed.
  const candidates = interfaces.filter((link) => !link.loopback).flatMap((link) =>
    link.addresses.map(subnetOf)
      .filter((subnet) => !isSingle(subnet) && contains(subnet, vip))
      .map(({ length }) => ({ link, length }))
  );
  return candidates
    .sort((a, b) => b.length - a.length || a.link.index - b.link.index)[0]?.link;
}

function refuseUnknown(services: readonly VipService[], interfaces: readonly Interface[]): void {
  const names = new Set(["auto", "none", ...interfaces.map(({ name }) => name)]);
  const unknown = services.filter(({ vip_on }) => !names.has(vip_on));
  if (unknown.length === 0) return;
  const asked = unknown.map(({ name, vip_on }) => `vip_on = "${vip_on}" of service ${name}`);
  throw new LbError(
    "unsupported",
    `${asked.join(", ")}: there is no such interface; there are ` +
      `${interfaces.map(({ name }) => name).join(", ")} (or "auto", or "none")`,
  );
}
