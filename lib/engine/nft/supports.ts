import { isSingle } from "../../model/address.ts";
import type { Reason, Verdict } from "../../model/change.ts";
import type { Scheduler, Service } from "../../model/service.ts";
import { followsLoad } from "../../scheduler/load.ts";
import { isSlotScheduler } from "../../scheduler/slots.ts";
import { INGRESS_BACKEND_LIMITS, INGRESS_LIMITS, INGRESS_NEEDS } from "./ingress/supports.ts";
import type { BackendLimit, Limit } from "./limit.ts";

const IPVS_ALONE: readonly Scheduler[] = ["sed", "nq"];

const LIMITS: readonly Limit[] = [
  {
    path: ["scheduler"],
    applies: ({ forward, scheduler }) => forward !== "dr" && IPVS_ALONE.includes(scheduler),
    why: "sed and nq are schedulers of IPVS alone; wlc is the nearest",
  },
  {
    path: ["scheduler"],
    applies: ({ forward, scheduler }) =>
      forward !== "dr" && !isSlotScheduler(scheduler) && !IPVS_ALONE.includes(scheduler),
    why: "schedulers that read load from the backends are not built yet; wlc is the nearest",
  },
  {
    path: ["forward"],
    applies: ({ forward }) => forward === "tunnel",
    why:
      "nft builds no tunnels; IPVS does, and dr works where backends are in a network of this machine",
  },
  {
    path: ["health"],
    applies: ({ health }) => health !== undefined && health.type !== "none",
    why: 'health checks are not built yet; leave health out, or write type = "none"',
  },
  {
    path: ["drain"],
    applies: ({ drain }) => drain !== undefined,
    why: "drains are not built yet; weight 0 stops new connections and keeps the established ones",
  },
  {
    path: ["balance", "slow_start"],
    applies: ({ balance }) => balance.slow_start_ms > 0,
    why: "slow start is not built yet",
  },
  {
    path: ["balance", "bound"],
    applies: ({ balance }) => balance.bound > 0,
    why: "bounded loads need the nfqueue engine, which is not built yet",
  },
  {
    path: ["snmp"],
    applies: ({ snmp }) => snmp !== undefined,
    why: "reading load by SNMP is not built yet",
  },
];

/** The same for single backends. */
const BACKEND_LIMITS: readonly BackendLimit[] = [
  {
    key: "health",
    applies: ({ health }) => health !== undefined && health.type !== "none",
    why: "health checks are not built yet; leave health out",
  },
];

/** Every reason why nft maps cannot serve a service. Pure. */
export function supportsNft(service: Service): Verdict {
  const isDirect = service.forward === "dr";
  const limits = isDirect ? [...INGRESS_LIMITS, ...LIMITS] : LIMITS;
  const backendLimits = isDirect ? [...INGRESS_BACKEND_LIMITS, ...BACKEND_LIMITS] : BACKEND_LIMITS;
  const reasons = [
    ...limits.filter(({ applies }) => applies(service))
      .map(({ path, why }): Reason => ({ path, message: why })),
    ...service.backends.flatMap((backend, index) =>
      backendLimits.filter(({ applies }) => applies(backend, service))
        .map(({ key, why }): Reason => ({ path: ["backend", index, key], message: why }))
    ),
  ];
  return reasons.length === 0 ? { ok: true } : { ok: false, reasons };
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
    ...(forward === "nat" && followsLoad(scheduler) ? ["conntrack-netlink"] : []),
  ];
}
