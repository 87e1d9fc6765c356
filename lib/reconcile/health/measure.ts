import { ENGINES } from "../../engine/registry.ts";
import type { CheckResult } from "../../health/check/check.ts";
import { type AskedBackend, loadAfter } from "../../health/load.ts";
import type { CheckedBackend } from "../../health/target.ts";
import type { LoadReading, LoadRow } from "../../model/load.ts";
import { fitsMark, type MarkLayout } from "../../model/mark.ts";
import { backendKey, type EngineName, type Service } from "../../model/service.ts";
import type { Config } from "../../model/settings.ts";
import type { PlacedService } from "../../model/state.ts";
import { countActive } from "../../netlink/conntrack/count.ts";
import {
  costOfConnections,
  costOfFigure,
  costOfTime,
  followsLoad,
  followsMeasure,
} from "../../scheduler/load.ts";
import { servicesOn } from "../place.ts";
import type { Machine } from "../request.ts";
import { committedServices, factorsOf, isCounted, loadName } from "./load.ts";

/** What a look at a backend's load has found: what it costs, or why that could not be told. */
interface Found {
  readonly service: Service;
  readonly key: string;
  readonly found: LoadReading | { readonly reason: string };
}

/** Where what is known of loads lies, and what they are divided by. */
type Keeper = Pick<Machine, "store" | "host" | "kernel">;

/** Puts on record what the times of checks tell of services that go by them. A check that failed has none. */
export function noteTimes(
  machine: Keeper,
  checked: readonly (CheckedBackend & { readonly result?: CheckResult })[],
): void {
  record(
    machine,
    checked.flatMap(({ service, key, result }) =>
      service.scheduler === "lr" && result?.ok
        ? [{ service, key, found: costOfTime(result.took_ms) }]
        : []
    ),
  );
}

/** Puts on record what backends have answered to the question how busy they are. */
export function noteFigures(
  machine: Keeper,
  asked: readonly AskedBackend[],
  results: readonly (CheckResult | undefined)[],
): void {
  if (asked.length === 0) return;
  const factors = factorsInForce(machine, new Set(asked.map(({ service }) => service.name)));
  record(
    machine,
    asked.flatMap(({ service, key }, index) => {
      const result = results[index];
      if (!result) return [];
      const { load, reason } = result;
      const factor = factors.get(loadName({ service: service.name, backend: key })) ?? 1;
      return [{ service, key, found: load ? costOfFigure(load, factor) : { reason } }];
    }),
  );
}

function factorsInForce(machine: Keeper, names: ReadonlySet<string>): Map<string, number> {
  const services = ENGINES.flatMap((engine) => committedServices(machine, engine, names));
  return new Map(
    services.flatMap((service) =>
      factorsOf(service).map(({ key, factor }) => [
        loadName({ service: service.name, backend: key }),
        factor,
      ])
    ),
  );
}

/**
 * Counts connections for the services whose weights follow them, and forgets backends whose load nobody asks
 * for any more.
 *
 * @throws {KernelError} where the kernel cannot be asked
 */
export function countLoads(
  machine: Keeper,
  config: Pick<Config, "services" | "marks">,
  engineOf: ReadonlyMap<string, EngineName>,
): void {
  forgetGone(machine, config);
  const services = new Map(config.services.map((service) => [service.name, service]));
  const counted = ENGINES.flatMap((engine) => {
    const names = servicesOn(config, engineOf, engine)
      .filter((one) => isCounted(engine, one)).map(({ name }) => name);
    return names.length > 0 ? committedServices(machine, engine, new Set(names)) : [];
  });
  // Without anything in force there are no connections of ours to be counted.
  if (counted.length === 0) return;
  const active = countActive(machine.kernel.sockets, config.marks);
  record(
    machine,
    counted.flatMap((placed) => countsOf(services.get(placed.name)!, placed, active, config.marks)),
  );
}

function countsOf(
  service: Service,
  placed: PlacedService,
  active: ReadonlyMap<number, number>,
  marks: MarkLayout,
): Found[] {
  // A backend whose id does not fit the mark is not counted, and would seem to be idle.
  if (!placed.backends.every(({ id }) => fitsMark(marks, id))) return [];
  const weightOf = ({ weight }: { readonly weight: number }) =>
    service.scheduler === "lc" ? Math.min(1, weight) : weight;
  const groups = Map.groupBy(placed.backends, ({ address }) => address.family);
  return [...groups.values()].flatMap((group) => {
    const serving = group.filter(({ weight }) => weight > 0);
    const mean = serving.reduce((sum, one) => sum + weightOf(one), 0) / serving.length;
    const shares = new Map(serving.map((one) => [backendKey(one), weightOf(one) / mean]));
    return factorsOf({ backends: serving }).map(({ id, key, factor }) => ({
      service,
      key,
      found: costOfConnections(active.get(id) ?? 0, shares.get(key)!, factor),
    }));
  });
}

function record({ store, kernel }: Keeper, found: readonly Found[]): void {
  if (found.length === 0) return;
  const now_ms = kernel.clock.now_ms();
  const known = new Map(store.loads.all().map((row) => [loadName(row), row]));
  store.loads.put(found.map(({ service, key, found }): LoadRow => {
    const before = known.get(loadName({ service: service.name, backend: key }));
    return loadAfter(service, key, before, found, now_ms);
  }));
}

function forgetGone({ store }: Keeper, { services }: Pick<Config, "services">): void {
  const rows = store.loads.all();
  if (rows.length === 0) return;
  const wanted = new Set(
    services.filter(({ scheduler }) => followsLoad(scheduler) || followsMeasure(scheduler))
      .flatMap(({ name, backends }) =>
        backends.map((one) => loadName({ service: name, backend: backendKey(one) }))
      ),
  );
  const gone = rows.filter((row) => !wanted.has(loadName(row)));
  if (gone.length > 0) store.loads.forget(gone);
}
