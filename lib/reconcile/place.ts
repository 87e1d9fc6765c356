import { backendKey, type EngineName, type Service } from "../model/service.ts";
import type { Config } from "../model/settings.ts";
import type { DesiredState, PlacedService } from "../model/state.ts";
import type { BackendName, BackendRow } from "../store/ids.ts";

/** The names under which the store keeps the ids of all configured backends. */
export function backendNames(services: readonly Service[]): BackendName[] {
  return services.flatMap(({ name, backends }) =>
    backends.map((backend) => ({ service: name, backend: backendKey(backend) }))
  );
}

/**
 * What one engine is to bring about: its services, each backend with its id and the weight it has now.
 * Without health, intents and load the effective weight is the configured one.
 */
export function placeServices(
  config: Config,
  engineOf: ReadonlyMap<string, EngineName>,
  engine: EngineName,
  rows: readonly BackendRow[],
): DesiredState {
  const ids = new Map(rows.map((row) => [`${row.service}\n${row.backend}`, row.id]));
  const services = config.services
    .filter(({ name }) => engineOf.get(name) === engine)
    .map((service): PlacedService => ({
      ...service,
      backends: service.backends.map((backend) => ({
        ...backend,
        id: ids.get(`${service.name}\n${backendKey(backend)}`)!,
        effective_weight: backend.weight,
      })),
    }));
  return { services, marks: config.marks };
}
