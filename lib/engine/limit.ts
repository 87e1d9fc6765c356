import type { Reason, Verdict } from "../model/change.ts";
import type { Service } from "../model/service.ts";

/** What an engine cannot do: where it shows in the config, when it applies, and why. */
export interface Limit {
  readonly path: Reason["path"];
  readonly applies: (service: Service) => boolean;
  readonly why: string;
}

/** The same of single backends; `key` is the backend's. */
export interface BackendLimit {
  readonly key: string;
  readonly applies: (backend: Service["backends"][number], service: Service) => boolean;
  readonly why: string;
}

/** Why connections cannot tell of backends, for an engine that has reasons of its own. */
export function passiveLimits(why: string, applies: (service: Service) => boolean): {
  readonly limits: readonly Limit[];
  readonly backendLimits: readonly BackendLimit[];
} {
  return {
    limits: [{
      path: ["health", "passive"],
      applies: (service) => service.health?.passive === true && applies(service),
      why,
    }],
    backendLimits: [{
      key: "health",
      applies: ({ health }, service) => health?.passive === true && applies(service),
      why,
    }],
  };
}

/** Only a tcp connection is answered before anything is said, on whatever engine. */
const PASSIVE = passiveLimits(
  "only of tcp connections one can tell that nobody answers; write passive = false",
  ({ protocol }) => protocol !== "tcp",
);

/** Every reason why an engine with these limits cannot serve a service. Pure. */
export function verdictOf(
  service: Service,
  limits: readonly Limit[],
  backendLimits: readonly BackendLimit[] = [],
): Verdict {
  const ofBackends = [...backendLimits, ...PASSIVE.backendLimits];
  const reasons = [
    ...[...limits, ...PASSIVE.limits].filter(({ applies }) => applies(service))
      .map(({ path, why }): Reason => ({ path, message: why })),
    ...service.backends.flatMap((backend, index) =>
      ofBackends.filter(({ applies }) => applies(backend, service))
        .map(({ key, why }): Reason => ({ path: ["backend", index, key], message: why }))
    ),
  ];
  return reasons.length === 0 ? { ok: true } : { ok: false, reasons };
}
