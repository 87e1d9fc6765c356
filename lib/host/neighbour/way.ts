import type { Address } from "../../model/address.ts";
import type { BackendLink } from "../../model/state.ts";
import { isReachable, type Neighbour } from "../../netlink/route/neighbour.ts";
import type { Route } from "../../netlink/route/route.ts";
import type { Interface } from "../interface.ts";

/** How packets get to a backend without a router between: what `forward = "dr"` takes. */
export interface Way {
  readonly address: Address;
  /** undefined where no interface leads straight there. */
  readonly link?: BackendLink;
  /** Why nothing can be sent there, and what to do; undefined where it can. */
  readonly reason?: string;
}

/** What the kernel's routes say. Pure. */
export function wayBy(
  address: Address,
  route: Route | undefined,
  interfaces: readonly Interface[],
): Way {
  const link = interfaces.find(({ index }) => index === route?.ifindex);
  const reason = obstacle(address, route, link);
  if (reason !== undefined || !link) return { address, reason };
  return { address, link: { ifindex: link.index, interface: link.name, answers: false } };
}

/** The same way once the neighbour table has been looked at. Pure. */
export function wayWith(way: Way, neighbours: readonly Neighbour[]): Way {
  const { address: { text }, link } = way;
  if (!link) return way;
  const found = neighbours.find(({ ifindex, address }) =>
    ifindex === link.ifindex && address.text === text
  );
  if (found && isReachable(found)) {
    return { address: way.address, link: { ...link, answers: true } };
  }
  const reason =
    `${text} does not answer at ${link.interface}, and gets nothing until it does: is ` +
    `it up, and in the same segment ("ip neigh show ${text}")?`;
  return { ...way, reason };
}

function obstacle(
  { text }: Address,
  route: Route | undefined,
  link: Interface | undefined,
): string | undefined {
  const remedy = 'give this machine an address in its network, or use forward = "nat"';
  if (!route || !link) return `${text} has no route that leads to it: ${remedy}`;
  if (route.isLocal) return `${text} is an address of this machine: a backend is another one`;
  if (route.gateway) {
    return `${text} is behind the router ${route.gateway.text}, and dr rewrites link addresses, ` +
      `which do not go past one: ${remedy}`;
  }
  if (!link.mac) {
    return `${text} is behind ${link.name}, which is no Ethernet, and dr rewrites Ethernet ` +
      'addresses: use forward = "nat"';
  }
  return undefined;
}
