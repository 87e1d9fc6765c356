import type { Address, Family } from "../../model/address.ts";
import {
  askNeighbours,
  listNeighbours,
  type Neighbourhood,
} from "../../netlink/route/neighbour.ts";
import { routesTo } from "../../netlink/route/route.ts";
import type { Kernel, SocketsPort } from "../../sys/ports.ts";
import type { Interface } from "../interface.ts";
import { type Way, wayBy, wayWith } from "./way.ts";

/**
 * A neighbour that is there answers within a millisecond, and a question that got lost is asked again
 * after a second (retrans_time_ms). All are asked at once.
 */
export const PATIENT_MS = 1_100;

/** For a look that is to be quick: an answer is heard, a loss is left to the next look. */
export const HASTY_MS = 50;

const POLL_MS = 25;

/**
 * The ways to backends, in the order of their addresses. The kernel is asked to learn the link addresses
 * it does not know, and to make sure of those that it has not heard from for a while.
 *
 * @param wait_ms how long those that are silent are waited for
 * @throws {KernelError} where the kernel cannot be asked
 */
export async function observeWays(
  { sockets, clock }: Pick<Kernel, "sockets" | "clock">,
  interfaces: readonly Interface[],
  addresses: readonly Address[],
  wait_ms: number,
): Promise<Way[]> {
  const routes = routesTo(sockets, addresses);
  const routed = addresses.map((address, at) => wayBy(address, routes[at], interfaces));
  askNeighbours(sockets, routed.flatMap(neighbourhood));
  let ways = withNeighbours(sockets, routed);
  for (let waited_ms = 0; waited_ms < wait_ms && ways.some(isSilent); waited_ms += POLL_MS) {
    await clock.sleep(POLL_MS);
    ways = withNeighbours(sockets, routed);
  }
  return ways;
}

function withNeighbours(sockets: SocketsPort, ways: readonly Way[]): Way[] {
  const asked = ways.flatMap(neighbourhood);
  const families = new Set<Family>(asked.map(({ address }) => address.family));
  const neighbours = listNeighbours(sockets, [...families]);
  return ways.map((way) => wayWith(way, neighbours));
}

function isSilent({ link }: Way): boolean {
  return link?.answers === false;
}

function neighbourhood({ address, link }: Way): Neighbourhood[] {
  return link ? [{ ifindex: link.ifindex, address }] : [];
}
