import { isSingle } from "../../model/address.ts";
import type { Verdict } from "../../model/change.ts";
import type { Scheduler, Service } from "../../model/service.ts";
import { followsLoad } from "../../scheduler/load.ts";
import { type Limit, verdictOf } from "../limit.ts";
import { INGRESS_BACKEND_LIMITS, INGRESS_LIMITS, INGRESS_NEEDS } from "./ingress/supports.ts";

/** Capabilities without which there are no maps that translate. */
export const NFT_REQUIRES: readonly string[] = [
  "nft-program",
  "net-admin",
  "nft-nat",
  "nft-numgen",
  "nft-jhash",
  "nft-vmap",
  "nft-reject",
  "nft-masquerade",
  "nft-ct-mark",
  "nft-counter",
];

const IPVS_ALONE: readonly Scheduler[] = ["sed", "nq"];

/** Of everything that is balanced by slots. */
export const SLOT_LIMITS: readonly Limit[] = [
  {
    path: ["scheduler"],
    applies: ({ forward, scheduler }) => forward !== "dr" && IPVS_ALONE.includes(scheduler),
    why: "sed and nq are schedulers of IPVS alone; wlc is the nearest",
  },
  {
    path: ["forward"],
    applies: ({ forward }) => forward === "tunnel",
    why:
      "nft builds no tunnels; IPVS does, and dr works where backends are in a network of this machine",
  },
];

const LIMITS: readonly Limit[] = [
  ...SLOT_LIMITS,
  {
    path: ["balance", "bound"],
    applies: ({ balance }) => balance.bound > 0,
    why: "loads are bounded by a choice at each connection: that is what nfqueue does",
  },
];

/** Every reason why nft maps cannot serve a service. Pure. */
export function supportsNft(service: Service): Verdict {
  return service.forward === "dr"
    ? verdictOf(service, [...INGRESS_LIMITS, ...LIMITS], INGRESS_BACKEND_LIMITS)
    : verdictOf(service, LIMITS);
}

/** Whether what becomes of connections is to tell of backends. */
function isPassive({ health, backends }: Pick<Service, "health" | "backends">): boolean {
  return health?.passive === true || backends.some((one) => one.health?.passive === true);
}

/** Capabilities that only some services need. Pure. */
export function needsOfNft(service: Service): string[] {
  const {
    forward,
    vip,
    ports,
    protocol,
    persistence,
    max_connections,
    max_new_per_second,
    scheduler,
  } = service;
  const isInterval = ports === "all" || ports.some(({ first, last }) => first !== last) ||
    !vip.every(isSingle);
  const counts = max_connections > 0 ||
    service.backends.some((backend) => backend.max_connections > 0);
  return [
    ...(isInterval ? ["nft-interval"] : []),
    ...(persistence || max_new_per_second > 0 ? ["nft-dynset"] : []),
    ...(max_new_per_second > 0 ? ["nft-limit"] : []),
    ...(forward === "dr" ? INGRESS_NEEDS : protocol === "sctp" ? ["conntrack-sctp"] : []),
    ...(counts ? ["nft-connlimit"] : []),
    ...(forward === "nat" && (followsLoad(scheduler) || isPassive(service))
      ? ["conntrack-netlink"]
      : []),
  ];
}
