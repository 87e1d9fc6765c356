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

/** What no engine can do in this version of lb. */
const NOT_BUILT: readonly Limit[] = [
  {
    path: ["health", "passive"],
    applies: ({ health }) => health?.passive === true,
    why: "what connections tell of backends is not looked at yet; write passive = false",
  },
  {
    path: ["drain"],
    applies: ({ drain }) => drain !== undefined,
    why: "drains are not built yet; weight 0 stops new connections and keeps the established ones",
  },
];

const BACKEND_NOT_BUILT: readonly BackendLimit[] = [
  {
    key: "health",
    applies: ({ health }) => health?.passive === true,
    why: "what connections tell of backends is not looked at yet; leave passive out",
  },
];

/** Every reason why an engine with these limits cannot serve a service. Pure. */
export function verdictOf(
  service: Service,
  limits: readonly Limit[],
  backendLimits: readonly BackendLimit[] = [],
): Verdict {
  const ofBackends = [...backendLimits, ...BACKEND_NOT_BUILT];
  const reasons = [
    ...[...limits, ...NOT_BUILT].filter(({ applies }) => applies(service))
      .map(({ path, why }): Reason => ({ path, message: why })),
    ...service.backends.flatMap((backend, index) =>
      ofBackends.filter(({ applies }) => applies(backend, service))
        .map(({ key, why }): Reason => ({ path: ["backend", index, key], message: why }))
    ),
  ];
  return reasons.length === 0 ? { ok: true } : { ok: false, reasons };
}
