import type { Family } from "../model/address.ts";

/** An interface of one of our namespaces: its name there and its addresses (with prefix lengths). */
export interface NamespaceInterface {
  readonly name: string;
  readonly addresses: readonly string[];
}

/** Who stands where on the way `cli ── lb ── b1..bN`. */
export interface Layout {
  readonly client: NamespaceInterface;
  /** The balancer's interface towards the client; undefined on one arm, where it has only the other. */
  readonly front?: NamespaceInterface;
  readonly back: NamespaceInterface;
  readonly backends: readonly NamespaceInterface[];
  readonly routes: {
    readonly client: readonly string[];
    readonly balancer: readonly string[];
    readonly backend: readonly string[];
  };
}

/** First host number of the backends: b1 is .11 and ::11. */
const BACKEND_FIRST = 11;

/** The interface of the balancer that its backends are behind. */
export const BACK = "back";

/** The interface of the balancer that its clients are behind (not on one arm). */
export const FRONT = "front";

/** VIP number `host` (1–254): documentation addresses only, like all of them here. */
export function vipAddress(family: Family, host: number): string {
  return family === 4 ? `203.0.113.${host}` : `2001:db8:1::${host}`;
}

/** Address of backend `index` (from 0): 198.51.100.11 on, or among the VIPs on one arm. */
export function backendAddress(family: Family, index: number, oneArm = false): string {
  const host = BACKEND_FIRST + index;
  if (oneArm) return vipAddress(family, host);
  return family === 4 ? `198.51.100.${host}` : `2001:db8:b::${host}`;
}

/** The client's own addresses (not on one arm). */
export const CLIENT = { 4: "192.0.2.10", 6: "2001:db8:c::10" } as const;

/** More addresses that the client answers for, to be many clients: 192.0.2.128/25, 2001:db8:c:1::/112. */
export function clientSource(family: Family, index: number): string {
  return family === 4
    ? `192.0.2.${128 + index % 126}`
    : `2001:db8:c:1::${(index + 1).toString(16)}`;
}

/**
 * Routed: client and backends are on different networks, and VIPs are routed to the balancer. Its
 * default route goes back to the client, as an uplink would: what it does not answer is then lost in
 * the way it is lost in life.
 */
export function routedLayout(backends: number): Layout {
  return {
    client: { name: "eth0", addresses: [`${CLIENT[4]}/24`, `${CLIENT[6]}/64`, "fe80::10/64"] },
    front: { name: FRONT, addresses: ["192.0.2.1/24", "2001:db8:c::1/64", "fe80::1/64"] },
    back: { name: BACK, addresses: ["198.51.100.1/24", "2001:db8:b::1/64", "fe80::1/64"] },
    backends: hosts(backends, (index) => [
      `${backendAddress(4, index)}/24`,
      `${backendAddress(6, index)}/64`,
      `fe80::${BACKEND_FIRST + index}/64`,
    ]),
    routes: {
      client: [
        "default via 192.0.2.1",
        "default via 2001:db8:c::1",
        "local 192.0.2.128/25 dev lo",
        "local 2001:db8:c:1::/112 dev lo",
      ],
      balancer: [
        `default via ${CLIENT[4]}`,
        `default via ${CLIENT[6]}`,
      ],
      backend: ["default via 198.51.100.1", "default via 2001:db8:b::1"],
    },
  };
}

/** One arm: client, balancer, backends and VIPs are neighbours, so answers come back only if masqueraded. */
export function oneArmLayout(backends: number): Layout {
  const both = (host: number) => [
    `${vipAddress(4, host)}/24`,
    `${vipAddress(6, host)}/64`,
    `fe80::${host}/64`,
  ];
  return {
    client: { name: "eth0", addresses: both(200) },
    back: { name: BACK, addresses: both(1) },
    backends: hosts(backends, (index) => both(BACKEND_FIRST + index)),
    routes: { client: [], balancer: [], backend: [] },
  };
}

function hosts(count: number, addresses: (index: number) => string[]): NamespaceInterface[] {
  return Array.from({ length: count }, (_, index) => ({
    name: "eth0",
    addresses: addresses(index),
  }));
}
