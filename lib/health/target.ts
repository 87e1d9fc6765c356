import type { CheckTarget } from "./check/check.ts";
import { HEALTH_DEFAULTS } from "../model/health.ts";
import { type Backend, backendKey, type Health, type Service } from "../model/service.ts";

/** A backend that is checked. */
export interface CheckedBackend {
  readonly service: Service;
  readonly backend: Backend;
  /** Its `backendKey`. */
  readonly key: string;
  readonly health: Health;
}

/** How a backend is checked: what it says itself goes before what its service says. Pure. @returns undefined where it is not */
export function healthOf(
  { health, snmp }: Pick<Service, "health" | "snmp">,
  backend: Pick<Backend, "health">,
): Health | undefined {
  if (!health && !backend.health) return undefined;
  // Nothing is put together for who is not checked: it is asked for each backend.
  if ((backend.health?.type ?? health?.type) === "none") return undefined;
  const merged = { ...HEALTH_DEFAULTS, ...health, ...backend.health };
  return { ...merged, snmp: merged.snmp ?? snmp };
}

/** All backends of these services that are checked. Pure. */
export function checkedBackends(services: readonly Service[]): CheckedBackend[] {
  return services.flatMap((service) =>
    service.backends.flatMap((backend) => {
      const health = healthOf(service, backend);
      return health ? [{ service, backend, key: backendKey(backend), health }] : [];
    })
  );
}

/** The check of a backend: at its own port, else at the first that clients ask for. Pure. */
export function targetOf({ service, backend, health }: CheckedBackend): CheckTarget {
  const first = service.ports === "all" ? undefined : service.ports[0]?.first;
  const port = backend.port ?? first;
  return { service: service.name, address: backend.address, port, health };
}
