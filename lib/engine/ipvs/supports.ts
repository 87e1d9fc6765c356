import type { Verdict } from "../../model/change.ts";
import type { Service } from "../../model/service.ts";
import { type BackendLimit, type Limit, passiveLimits, verdictOf } from "../limit.ts";
import { isByMark } from "./by_mark.ts";
import { ipvsScheduler, SH_SLOTS } from "./schedulers.ts";

/** As the kernel multiplies it with up to 1000 ticks a second in 32 bits (ip_vs_add_service()). */
const TIMEOUT_MS_MAX = 4_000_000_000;

/** Its counters tell of connections and packets, and its list of connections is text of all of them. */
const PASSIVE = passiveLimits(
  "IPVS does not tell cheaply which connections nobody answers; nft and nfqueue ask conntrack",
  () => true,
);

const LIMITS: readonly Limit[] = [
  {
    path: ["scheduler"],
    applies: ({ scheduler }) => !ipvsScheduler(scheduler),
    why: "IPVS has no such scheduler; wrr is the nearest",
  },
  {
    path: ["scheduler"],
    applies: ({ scheduler, backends }) =>
      scheduler === "sh" && backends.filter(({ weight }) => weight > 0).length > SH_SLOTS,
    why: `sh of IPVS deals ${SH_SLOTS} slots out, one backend each at least; maglev has more`,
  },
  {
    path: ["persistence"],
    applies: ({ persistence }) => (persistence?.timeout_ms ?? 0) > TIMEOUT_MS_MAX,
    why: "IPVS remembers clients for 46 days at most",
  },
  {
    path: ["masquerade"],
    applies: ({ masquerade, forward }) => masquerade && forward !== "nat",
    why: 'backends answer to the client themselves; masquerade takes forward = "nat"',
  },
  {
    path: ["mark"],
    applies: ({ mark }) => mark !== 0,
    why: "IPVS sets no marks",
  },
  {
    path: ["dscp"],
    applies: ({ dscp }) => dscp !== undefined,
    why: "IPVS sets no dscp",
  },
  {
    path: ["priority"],
    applies: ({ priority }) => priority !== undefined,
    why: "IPVS sets no priority",
  },
  {
    path: ["allow"],
    applies: ({ allow }) => allow.length > 0,
    why: "IPVS does not look at who asks; a firewall on this machine can",
  },
  {
    path: ["deny"],
    applies: ({ deny }) => deny.length > 0,
    why: "IPVS does not look at who asks; a firewall on this machine can",
  },
  {
    path: ["max_connections"],
    applies: ({ max_connections }) => max_connections > 0,
    why: "IPVS limits backends, not services: set max_connections of its backends",
  },
  {
    path: ["max_new_per_second"],
    applies: ({ max_new_per_second }) => max_new_per_second > 0,
    why: "IPVS has no such limit",
  },
  {
    path: ["over_limit"],
    applies: ({ over_limit, backends }) =>
      over_limit === "drop" && backends.some(({ max_connections }) => max_connections > 0),
    why: "IPVS refuses what is over a limit",
  },
  {
    path: ["balance", "bound"],
    applies: ({ balance }) => balance.bound > 0,
    why: "IPVS has no bounded loads",
  },
  ...PASSIVE.limits,
];

/** The same for single backends. */
const BACKEND_LIMITS: readonly BackendLimit[] = [
  ...PASSIVE.backendLimits,
  {
    key: "port",
    applies: ({ port }, service) =>
      port !== undefined && service.persistence !== undefined &&
      (service.ports === "all" || isByMark(service)),
    // ip_vs_sched_persist() looks at the backend's port only where the service has one.
    why: "with persistence over several ports IPVS keeps the port the client asked for",
  },
  {
    key: "port",
    applies: ({ port }, { forward, ports }) =>
      forward !== "nat" && port !== undefined &&
      (ports === "all" || ports.some(({ first, last }) => first !== port || last !== port)),
    why: "only nat changes the port",
  },
];

/** Every reason why IPVS cannot serve a service. Pure. */
export function supportsIpvs(service: Service): Verdict {
  return verdictOf(service, LIMITS, BACKEND_LIMITS);
}

/** Capabilities that only some services need. Pure. */
export function needsOfIpvs(service: Service): string[] {
  const { scheduler, protocol, masquerade } = service;
  const name = ipvsScheduler(scheduler)?.name;
  return [
    ...(name === undefined ? [] : [`ipvs-${name}`]),
    ...(protocol === "sctp" ? ["ipvs-sctp"] : []),
    ...(masquerade || isByMark(service) ? ["ipvs-rules"] : []),
  ];
}
