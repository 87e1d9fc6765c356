import { flushUdp, type Gone } from "../host/conntrack/flush.ts";
import { freePorts } from "../host/conntrack/reopen.ts";
import { flushUnbalanced } from "../host/conntrack/unbalanced.ts";
import { type MarkLayout, markLayout } from "../model/mark.ts";
import { plural } from "../model/plural.ts";
import { addressOfKey } from "../model/service.ts";
import type { PlacedService } from "../model/state.ts";
import type { BackendRow } from "../store/ids.ts";
import { knownStandings } from "./health/health.ts";
import type { EngineTask, RunPlan } from "./plan.ts";
import type { Machine, Run } from "./request.ts";
import { retiredBackends } from "./tracking.ts";

/** Backends that left since a run last came to its end: one that was cut off left their flows. */
export function goneSince({ machine, now_ms }: Run, rows: readonly BackendRow[]): Gone[] {
  const last_ms = machine.store.passes.last()?.at_ms ?? -Infinity;
  return rows.filter(({ released_at_ms: at_ms }) =>
    at_ms !== null && (at_ms > last_ms || at_ms === now_ms)
  ).map(({ id, backend }) => ({ id, address: addressOfKey(backend) }));
}

/** Forgets the udp flows of backends that left. @throws {KernelError} */
export function forgetGone(run: Run, gone: readonly Gone[]): void {
  const { machine, request } = run;
  const layouts = knownLayouts(machine, request.loaded.config.marks);
  tell(run, flushUdp(machine.kernel.sockets, layouts, gone), "of removed backends");
}

/**
 * Forgets the udp flows of backends that have just been found unhealthy: they would go to the dead for as long
 * as the client goes on. Those of a backend whose weight is taken away go on. @throws {KernelError}
 */
export function forgetFallen(run: Run, { tasks }: Pick<RunPlan, "tasks">): void {
  const { machine, request, now_ms } = run;
  const standings = knownStandings(machine, now_ms);
  const fallen = tasks.flatMap(({ state, committed }) => {
    const served = servingIds(committed?.state.services ?? []);
    return state.services.filter(({ protocol }) => protocol === "udp").flatMap((service) =>
      service.backends.filter((one) => served.has(one.id) && !standings(service, one).isAble)
        .map(({ id, address }): Gone => ({ id, address: address.text }))
    );
  });
  const layouts = knownLayouts(machine, request.loaded.config.marks);
  tell(run, flushUdp(machine.kernel.sockets, layouts, fallen), "of unhealthy backends");
}

function servingIds(services: readonly PlacedService[]): Set<number> {
  return new Set(
    services.flatMap(({ backends }) =>
      backends.filter(({ effective_weight }) => effective_weight > 0).map(({ id }) => id)
    ),
  );
}

/** The layouts that connections here may have been marked in. @param marks if none is on record */
export function knownLayouts(
  { store, host }: Pick<Machine, "store" | "host">,
  marks: MarkLayout,
): readonly MarkLayout[] {
  // Not this config's mask, where another is known of: it may be a new one, and an uninstall has none.
  const known = store.commits.masks(host).flatMap((mask) => markLayout(mask) ?? []);
  return known.length > 0 ? known : [marks];
}

/**
 * Forgets the udp flows that were there before the rules of an engine's services, which are in the kernel by
 * now. What an engine translates by itself looks just like them. @throws {KernelError}
 */
export function forgetUnbalanced(
  run: Run,
  { engine, state }: Pick<EngineTask, "engine" | "state">,
): void {
  if (!engine.usesNat) return;
  const translated = state.services.filter(({ forward }) => forward !== "dr");
  const count = flushUnbalanced(run.machine.kernel.sockets, translated);
  tell(run, count, "that were there before their rules");
}

/**
 * Where conntrack sees connections of IPVS, those at backends that take no new ones any more let their ports
 * be used again. @throws {KernelError}
 */
export function freeRetired(run: Run, { engine, state, committed }: EngineTask): void {
  if (engine.name !== "ipvs" || !committed) return;
  const retired = retiredBackends(
    committed.state.services,
    state.services,
    state.tracking?.watched,
  );
  freePorts(run.machine.kernel.sockets, retired);
}

function tell({ notes }: Run, count: number, which: string): void {
  if (count > 0) notes.push(`forgot ${plural(count, "udp flow")} ${which}`);
}
