import type { Reason } from "../model/change.ts";
import type { EngineName, Scheduler, Service } from "../model/service.ts";

/**
 * What several load balancers behind one router cannot do: connections come to another of them in the middle
 * whenever the router changes its mind, and that one knows nothing of them but what their packets say.
 */
interface TierLimit {
  readonly path: Reason["path"];
  readonly applies: (service: Service, engine: EngineName) => boolean;
  readonly why: string;
}

/** Whatever balancer chooses, chooses the same backend. */
const BY_PACKET: readonly Scheduler[] = ["sh", "maglev"];

const isTranslated = ({ forward }: Service) => forward === "nat";

const TIER_LIMITS: readonly TierLimit[] = [
  {
    path: ["engine"],
    applies: (_, engine) => engine === "ipvs",
    why: "IPVS keeps connections in a table of its own, which other load balancers do not have",
  },
  {
    path: ["scheduler"],
    applies: (service) => isTranslated(service) && !BY_PACKET.includes(service.scheduler),
    why:
      "every load balancer has to choose the same backend, by the packet alone: maglev and sh do",
  },
  {
    path: ["balance", "bound"],
    applies: ({ balance }) => balance.bound > 0,
    why: "every load balancer bounds what it sees itself, and would choose another backend",
  },
  {
    path: ["masquerade"],
    applies: (service) => isTranslated(service) && service.masquerade,
    why: "backends would see another address when a connection comes to another load balancer",
  },
  {
    path: ["backend"],
    applies: (service) =>
      isTranslated(service) && service.backends.some(({ max_connections }) => max_connections > 0),
    why:
      "max_connections of a backend would keep out a connection that another load balancer began; " +
      "that of the service does not",
  },
  {
    path: ["persistence"],
    applies: (service) => isTranslated(service) && service.persistence !== undefined,
    why:
      "other load balancers do not know which clients were here; sh keeps a client by its address",
  },
];

/** Every reason why an engine cannot serve a service on one of so many load balancers. Pure. */
export function tierReasons(service: Service, engine: EngineName, nodes: number): Reason[] {
  if (nodes <= 1) return [];
  return TIER_LIMITS.filter(({ applies }) => applies(service, engine))
    .map(({ path, why }) => ({ path, message: `tier.nodes is ${nodes}: ${why}` }));
}
