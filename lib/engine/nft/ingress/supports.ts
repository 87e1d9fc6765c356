import type { Service } from "../../../model/service.ts";
import { isHashScheduler } from "../../../scheduler/slots.ts";
import { type BackendLimit, type Limit, passiveLimits } from "../../limit.ts";

const NO_CONNECTIONS = "dr lets packets through without a table of connections";

const PASSIVE = passiveLimits(
  `${NO_CONNECTIONS} to be looked at; write passive = false`,
  () => true,
);

/** What balancing at ingress cannot do, and why. */
export const INGRESS_LIMITS: readonly Limit[] = [
  {
    path: ["scheduler"],
    applies: ({ scheduler }) => !isHashScheduler(scheduler),
    why:
      `${NO_CONNECTIONS}, so every packet has to find its backend by a hash: sh spreads client ` +
      "addresses, maglev addresses and ports",
  },
  {
    path: ["persistence"],
    applies: ({ persistence }) => persistence !== undefined,
    why: `${NO_CONNECTIONS}; scheduler = "sh" keeps a client address at its backend`,
  },
  {
    path: ["masquerade"],
    applies: ({ masquerade }) => masquerade,
    why: 'dr changes no IP address: backends answer to the client themselves; use forward = "nat"',
  },
  {
    path: ["mark"],
    applies: ({ mark }) => mark !== 0,
    why: "dr sends packets on before routing, which is what looks at marks; " +
      "priority and dscp work with dr",
  },
  {
    path: ["max_connections"],
    applies: ({ max_connections }) => max_connections > 0,
    why: `${NO_CONNECTIONS}, and so cannot count them; max_new_per_second works with dr, for tcp`,
  },
  {
    path: ["max_new_per_second"],
    applies: ({ protocol, max_new_per_second }) => max_new_per_second > 0 && protocol !== "tcp",
    why: `${NO_CONNECTIONS}, and only of tcp a packet tells that it opens one`,
  },
  ...PASSIVE.limits,
];

/** The same for single backends. */
export const INGRESS_BACKEND_LIMITS: readonly BackendLimit[] = [
  ...PASSIVE.backendLimits,
  {
    key: "port",
    applies: ({ port }, { ports }) => port !== undefined && !isOnly(port, ports),
    why: "dr changes no port: backends listen on the port that clients connect to; leave it out",
  },
  {
    key: "max_connections",
    applies: ({ max_connections }) => max_connections > 0,
    why: `${NO_CONNECTIONS}, and so cannot count them`,
  },
];

/** Capabilities that `forward = "dr"` needs. */
export const INGRESS_NEEDS: readonly string[] = ["nft-ingress", "nft-fwd"];

/** The capability without which whoever would be refused at ingress hears nothing. */
export const INGRESS_REJECT = "nft-ingress-reject";

function isOnly(port: number, ports: Service["ports"]): boolean {
  return ports !== "all" && ports.every(({ first, last }) => first === port && last === port);
}
