import type { Engine } from "../../engine/engine.ts";
import { effectiveWeight } from "../../health/effective_weight.ts";
import { isFresh } from "../../health/load.ts";
import type { LoadReading, LoadRow } from "../../model/load.ts";
import { backendKey, fullName, nameOfKey, type Service } from "../../model/service.ts";
import type { Config } from "../../model/settings.ts";
import type { PlacedBackend, PlacedService } from "../../model/state.ts";
import { followsLoad, followsMeasure, loadFactors } from "../../scheduler/load.ts";
import type { Memory, Rememberer } from "../memory.ts";
import type { PathService } from "../place.ts";

/** Looks up what is known of a backend's load; undefined where that is nothing, or long ago. */
export type Readings = (
  service: Pick<Service, "name" | "scheduler" | "health">,
  key: string,
) => LoadReading | undefined;

/** What weights that follow load are made of. */
export interface Loads {
  /** Undefined: weights stay as they are. */
  readonly readings?: Readings;
  /** What weights are multiplied by now, by backend id. */
  readonly factors: ReadonlyMap<number, number>;
}

/** For states in which no weight follows load. */
export const NO_LOADS: Loads = { factors: new Map() };

/**
 * Whether an engine is to give a service weights that follow load. Connections IPVS counts for itself, and so
 * does the worker; what is not translated is in no table that could be counted. What is measured of backends,
 * no kernel knows.
 */
export function isFollowed(
  engine: Pick<Engine, "usesNat">,
  service: Pick<PathService, "scheduler" | "forward" | "queued">,
): boolean {
  return isCounted(engine, service) || followsMeasure(service.scheduler);
}

/** Whether it is connections that its weights follow. */
export function isCounted(
  { usesNat }: Pick<Engine, "usesNat">,
  { scheduler, forward, queued }: Pick<PathService, "scheduler" | "forward" | "queued">,
): boolean {
  return usesNat && !queued && forward === "nat" && followsLoad(scheduler);
}

/**
 * What the weights of an engine's services are by now, and what is known of their loads.
 *
 * @param isMoving the weights are to follow; else they stay
 */
export function observeLoads(
  machine: Rememberer,
  engine: Engine,
  services: readonly PathService[],
  { record }: Memory,
  { isMoving }: { readonly isMoving: boolean },
): Loads {
  const names = new Set(
    services.filter((one) => isFollowed(engine, one)).map(({ name }) => name),
  );
  // Without anything in force there is nothing that a weight could follow.
  if (names.size === 0 || !record) return NO_LOADS;
  const factors = new Map(
    committedServices(machine, engine, names).flatMap(factorsOf)
      .map(({ id, factor }) => [id, factor]),
  );
  return { factors, readings: isMoving ? readingsOf(machine) : undefined };
}

/** What is in force of these services. */
export function committedServices(
  { store, host }: Pick<Rememberer, "store" | "host">,
  { name }: Pick<Engine, "name">,
  names: ReadonlySet<string>,
): PlacedService[] {
  return [...store.commits.services(name, host)]
    .flatMap(([name, json]) => names.has(name) ? [JSON.parse(json) as PlacedService] : []);
}

/** A backend that takes new connections, and what its weight is multiplied by. */
export interface Factored {
  readonly id: number;
  /** Its `backendKey`. */
  readonly key: string;
  readonly factor: number;
}

/** What load has made of the weights of a service that is in force. */
export function factorsOf({ backends }: Pick<PlacedService, "backends">): Factored[] {
  return backends.filter(({ weight, effective_weight }) => weight > 0 && effective_weight > 0)
    .map((one) => ({
      id: one.id,
      key: backendKey(one),
      factor: one.effective_weight / grownWeight(one),
    }));
}

/** Without load; what load has made of it is the rest. */
function grownWeight({ weight, slow_start }: PlacedBackend): number {
  return effectiveWeight(weight, { slow_start });
}

function readingsOf({ store, kernel }: Rememberer): Readings {
  const now_ms = kernel.clock.now_ms();
  const known = new Map(store.loads.all().map((row) => [loadName(row), row]));
  return (service, key) => {
    const row = known.get(loadName({ service: service.name, backend: key }));
    return row && isFresh(service, row, now_ms) ? row : undefined;
  };
}

/** What a row is found by. */
export function loadName({ service, backend }: Pick<LoadRow, "service" | "backend">): string {
  return fullName(service, backend);
}

/** Whose load could not be read at the last look, a sentence for each. */
export function unreadLoads(
  { store, kernel }: Pick<Rememberer, "store" | "kernel">,
  { services }: Pick<Config, "services">,
): string[] {
  const now_ms = kernel.clock.now_ms();
  const byName = new Map(services.map((service) => [service.name, service]));
  return store.loads.all().flatMap((row) => {
    const service = byName.get(row.service);
    if (!service || row.reason === "" || row.scheduler !== service.scheduler) return [];
    // Its weight goes on to what the last one asks for, beside those of the others.
    const follows = isFresh(service, row, now_ms)
      ? "the last one read counts for now"
      : "it counts as average";
    const name = nameOfKey(row.backend);
    return [`${row.service}: the load of ${name} cannot be read (${row.reason}): ${follows}`];
  });
}

/** A service's backends with weights that follow load. Pure. */
export function underLoad(
  service: Pick<Service, "name" | "scheduler" | "health">,
  backends: readonly PlacedBackend[],
  { readings, factors }: Loads,
): readonly PlacedBackend[] {
  const next = readings ? nextFactors(service, backends, { readings, factors }) : factors;
  return backends.map((backend) => {
    const load = next.get(backend.id) ?? 1;
    return { ...backend, effective_weight: effectiveWeight(backend.effective_weight, { load }) };
  });
}

function nextFactors(
  service: Pick<Service, "name" | "scheduler" | "health">,
  backends: readonly PlacedBackend[],
  { readings, factors }: Required<Loads>,
): Map<number, number> {
  // IPv4 and IPv6 have shares of their own.
  const groups = Map.groupBy(backends, ({ address }) => address.family);
  return new Map([...groups.values()].flatMap((group) => {
    const loaded = group.map((one) => ({
      id: one.id,
      weight: one.effective_weight,
      reading: readings(service, backendKey(one)),
      factor: factors.get(one.id),
    }));
    return [...loadFactors(loaded)];
  }));
}
