import { FAMILIES } from "../model/address.ts";
import type { IntentRow } from "../model/intent.ts";
import { type EngineName, familiesOf } from "../model/service.ts";
import type { PlacedService } from "../model/state.ts";
import { movedShare } from "../scheduler/moved.ts";
import { slotsOf } from "../scheduler/slots.ts";
import { countFates, isCut, type Pair, type Side } from "./impact/fates.ts";
import type { EngineTask, RunPlan } from "./plan.ts";
import type { Run } from "./request.ts";

/** What becomes of a service's established connections. Udp flows count as such. */
export interface ConnectionImpact {
  /** They go on, at the backends that they are at. */
  readonly kept: number;
  /** Of those kept, at backends that drain: what is left of them at the deadline is cut. */
  readonly draining: number;
  readonly cut: number;
  /** Udp flows that are forgotten: the next packet is balanced anew. */
  readonly flushed: number;
}

/** What a plan does to a service beside changing its rules. */
export interface ServiceImpact {
  readonly service: string;
  /** null: it is not there. */
  readonly engine: { readonly from: EngineName | null; readonly to: EngineName | null };
  /** Part of the slots that lead to another backend, from 0 to 1; null where there are none to compare. */
  readonly slots_remapped: number | null;
  /** null where they cannot be counted. */
  readonly connections: ConnectionImpact | null;
  /** Why not; "" where they are. */
  readonly reason: string;
}

/**
 * What a plan does to the connections of services that it changes. They are read once, and only where there may be
 * some. Reads only.
 *
 * @throws {KernelError} where the kernel cannot be asked
 */
export function impactOf(run: Run, { tasks }: Pick<RunPlan, "tasks">): ServiceImpact[] {
  const rows = run.request.intents ?? run.machine.store.intents.all();
  const pairs = pairsOf(run, tasks, rows);
  const untold = new Map(pairs.map((pair) => [pair.name, untoldReason(pair)]));
  const counted = pairs.filter(({ name }) => untold.get(name) === "");
  const counts = countFates(run, counted, rows);
  return pairs.map((pair): ServiceImpact => ({
    service: pair.name,
    engine: { from: pathOf(pair.before), to: pathOf(pair.after) },
    slots_remapped: remapped(pair),
    connections: counts.get(pair.name) ?? null,
    reason: untold.get(pair.name) || (counts.has(pair.name) ? "" : BLIND),
  }));
}

const BLIND = "this kernel lists no connections (nf_conntrack_netlink)";

/** Those that differ, in the order of the config; what goes comes last. */
function pairsOf(
  { request, now_ms }: Run,
  tasks: readonly EngineTask[],
  rows: readonly IntentRow[],
): Pair[] {
  const before = sidesOf(tasks, ({ committed }) => committed?.state.services ?? []);
  const after = sidesOf(tasks, ({ state }) => state.services);
  const cut = new Set(rows.filter((row) => isCut(row, now_ms)).map(({ service }) => service));
  const names = request.loaded.config.services.map(({ name }) => name);
  const gone = [...before.keys()].filter((name) => !after.has(name));
  return [...names, ...gone]
    .map((name): Pair => ({ name, before: before.get(name), after: after.get(name) }))
    .filter(({ name, before, after }) => before?.service !== after?.service || cut.has(name));
}

function sidesOf(
  tasks: readonly EngineTask[],
  servicesIn: (task: EngineTask) => readonly PlacedService[],
): Map<string, Side> {
  return new Map(
    tasks.flatMap((task) =>
      servicesIn(task).map((service) => [service.name, { task, service }] as const)
    ),
  );
}

function pathOf(side: Side | undefined): EngineName | null {
  if (!side) return null;
  return side.service.queued ? "nfqueue" : side.task.engine.name;
}

/** Why nobody can say what becomes of connections; "" where one can. */
function untoldReason({ before, after }: Pair): string {
  if (!before) return "";
  const [from, to] = [before.task.engine.name, after?.task.engine.name];
  if (from === "nft" && before.service.forward === "dr") {
    return "dr keeps no table of connections";
  }
  if (from === "ipvs" && to === "nft") {
    return "IPVS's table of connections does not move, and nft balances what comes of them anew";
  }
  return "";
}

/** The part of both families' slots. */
function remapped({ before, after }: Pair): number | null {
  if (!before || !after || [before, after].some(({ task }) => task.engine.name !== "nft")) {
    return null;
  }
  const [was, is] = [before.service, after.service];
  if (isAlike(was, is)) return 0;
  const families = FAMILIES.filter((family) =>
    [was, is].every((service) => familiesOf(service).includes(family))
  );
  if (families.length === 0) return null;
  const shares = families.map((family) => movedShare(slotsOf(was, family), slotsOf(is, family)));
  return shares.reduce((sum, share) => sum + share, 0) / shares.length;
}

/** Spares making tables, of which a large one takes 40 ms. */
function isAlike(was: PlacedService, is: PlacedService): boolean {
  const [one, other] = [was, is].map(({ scheduler, backends }) =>
    JSON.stringify([
      scheduler,
      backends.map((backend) => [backend.id, backend.weight, backend.effective_weight]),
    ])
  );
  return one === other;
}
