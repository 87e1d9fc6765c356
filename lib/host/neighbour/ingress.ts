import { contains, isSingle, type Prefix } from "../../model/address.ts";
import type { Service } from "../../model/service.ts";
import type { Entrance, Ingress } from "../../model/state.ts";
import { placements } from "../address/placement.ts";
import type { Interface } from "../interface.ts";

/** What of a service decides where its packets are caught. */
export type IngressService = Pick<Service, "name" | "vip" | "vip_on">;

/**
 * Where packets for services come in: at the interfaces that have their VIPs. Where a router sends them,
 * that can be any. Pure.
 *
 * @param direct services whose packets are caught there
 * @param others that are met later, and may have the same VIPs
 */
export function ingressOf(
  direct: readonly IngressService[],
  others: readonly Pick<IngressService, "vip">[],
  interfaces: readonly Interface[],
): Ingress {
  const placed = placements(direct, interfaces);
  const homes = new Set(placed.map(({ vip }) => vip.text));
  const routed = direct.filter(({ vip_on }) => isRoutable(vip_on, interfaces))
    .flatMap(({ vip }) => vip.filter((one) => !isSingle(one) || !homes.has(one.text)));
  const isAnywhere = routed.length > 0 || placed.some(({ link }) => !isEntrance(link));
  const entrances = isAnywhere
    ? interfaces.filter(isEntrance)
    : interfaces.filter((one) => placed.some(({ link }) => link === one));
  return {
    interfaces: entrances.map(({ name, index }) => ({ name, ifindex: index })).sort(byName),
    routed: routed.filter((one) => !others.some(({ vip }) => vip.some((two) => overlap(one, two)))),
  };
}

/** An interface that is missing, by its name, is where a VIP waits for it: no router sends it. */
function isRoutable(vip_on: string, interfaces: readonly Interface[]): boolean {
  return vip_on === "auto" || vip_on === "none" || interfaces.some(({ name }) => name === vip_on);
}

/** What goes to a bridge or bond is caught there; what is no Ethernet has no address to rewrite. */
function isEntrance({ mac, loopback, enslaved, dummy }: Interface): boolean {
  return mac !== undefined && !loopback && !enslaved && !dummy;
}

function byName(one: Entrance, other: Entrance): number {
  return one.name < other.name ? -1 : 1;
}

function overlap(one: Prefix, other: Prefix): boolean {
  return contains(one, other) || contains(other, one);
}
