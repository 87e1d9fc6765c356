import type { Engine } from "../engine/engine.ts";
import { effectiveWeight } from "../health/effective_weight.ts";
import type { Service } from "../model/service.ts";
import type { PlacedBackend, PlacedService } from "../model/state.ts";
import { countActive } from "../netlink/conntrack/count.ts";
import { followsLoad, loadFactors } from "../scheduler/load.ts";
import { fitsMark, type MarkLayout } from "../model/mark.ts";
import type { Memory, Rememberer } from "./memory.ts";
import type { PathService } from "./place.ts";

/** What weights that follow load are made of. */
export interface Loads {
  /** Connections by backend id; undefined: weights stay as they are. */
  readonly active?: ReadonlyMap<number, number>;
  /** What weights are multiplied by now, by backend id. */
  readonly factors: ReadonlyMap<number, number>;
}

/** For states in which no weight follows load. */
export const NO_LOADS: Loads = { factors: new Map() };

/**
 * Whether an engine is to give a service weights that follow load. IPVS counts for itself, and so does the
 * worker; what is not translated is in no table that could be counted.
 */
export function isFollowed(
  { usesNat }: Pick<Engine, "usesNat">,
  { scheduler, forward, queued }: Pick<PathService, "scheduler" | "forward" | "queued">,
): boolean {
  return usesNat && !queued && forward === "nat" && followsLoad(scheduler);
}

/**
 * What the weights of an engine's services are by now, and what the kernel counts.
 *
 * @param isCounted the counts are to be taken; else the weights stay
 * @throws {KernelError} where the kernel cannot be asked
 */
export function observeLoads(
  { store, host, kernel }: Rememberer,
  engine: Engine,
  services: readonly PathService[],
  { record }: Memory,
  { marks, isCounted }: { readonly marks: MarkLayout; readonly isCounted: boolean },
): Loads {
  const names = new Set(
    services.filter((one) => isFollowed(engine, one)).map(({ name }) => name),
  );
  // Without anything in force there are no connections of ours to be counted.
  if (names.size === 0 || !record) return NO_LOADS;
  const before = [...store.commits.services(engine.name, host)]
    .flatMap(([name, json]) => names.has(name) ? [JSON.parse(json) as PlacedService] : []);
  const factors = new Map(before.flatMap(factorsOf));
  return { factors, active: isCounted ? countActive(kernel.sockets, marks) : undefined };
}

function factorsOf({ backends }: PlacedService): (readonly [number, number])[] {
  return backends.filter(({ weight, effective_weight }) => weight > 0 && effective_weight > 0)
    .map((one) => [one.id, one.effective_weight / grownWeight(one)]);
}

/** Without load: what its connections have made of it is the rest. */
function grownWeight({ weight, slow_start }: PlacedBackend): number {
  return effectiveWeight(weight, { slow_start });
}

/** A service's backends with weights that follow load. Pure. */
export function underLoad(
  { scheduler }: Pick<Service, "scheduler">,
  backends: readonly PlacedBackend[],
  { active, factors }: Loads,
  marks: MarkLayout,
): readonly PlacedBackend[] {
  // A backend whose id does not fit the mark is not counted, and would seem to be idle.
  const isCounted = active !== undefined && backends.every(({ id }) => fitsMark(marks, id));
  if (!followsLoad(scheduler)) return backends;
  const next = isCounted ? countedFactors(scheduler, backends, { active, factors }) : factors;
  return backends.map((backend) => {
    const load = next.get(backend.id) ?? 1;
    return { ...backend, effective_weight: effectiveWeight(backend.effective_weight, { load }) };
  });
}

function countedFactors(
  scheduler: "lc" | "wlc",
  backends: readonly PlacedBackend[],
  { active, factors }: Required<Loads>,
): Map<number, number> {
  // IPv4 and IPv6 have a slot table each.
  const groups = Map.groupBy(backends, ({ address }) => address.family);
  return new Map([...groups.values()].flatMap((group) => {
    const loaded = group.map(({ id, effective_weight: weight }) => {
      return { id, weight, active: active.get(id) ?? 0, factor: factors.get(id) };
    });
    return [...loadFactors(loaded, scheduler)];
  }));
}
