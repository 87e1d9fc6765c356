import type { Breaks } from "../../engine/engine.ts";
import { findUnbalanced } from "../../host/conntrack/unbalanced.ts";
import { findFlows, type Flow } from "../../host/cut/flow.ts";
import { type dumpSome, dumpWhereThere } from "../../netlink/conntrack/dump.ts";
import type { IntentRow } from "../../model/intent.ts";
import { backendKey, fullName, PROTOCOL_NUMBERS, protocolOf } from "../../model/service.ts";
import type { PlacedBackend, PlacedService } from "../../model/state.ts";
import { soughtFor } from "../drain/drain.ts";
import { knownLayouts } from "../flows.ts";
import { knownStandings } from "../health/health.ts";
import type { ConnectionImpact } from "../impact.ts";
import type { EngineTask } from "../plan.ts";
import type { Run } from "../request.ts";

/** A service on one side of a change. */
export interface Side {
  readonly task: EngineTask;
  readonly service: PlacedService;
}

/** A service that is not the same before and after. */
export interface Pair {
  readonly name: string;
  readonly before?: Side;
  readonly after?: Side;
}

type Fate = keyof ConnectionImpact;

/**
 * How many connections of each service go on, and what becomes of the others. They are read once.
 *
 * @param rows what is wanted of backends
 * @returns without those whose connections this kernel shows nobody
 * @throws {KernelError} where the kernel cannot be asked
 */
export function countFates(
  run: Run,
  pairs: readonly Pair[],
  rows: readonly IntentRow[],
): Map<string, ConnectionImpact> {
  const counts = new Map(
    pairs.map(({ name }) => [name, { kept: 0, draining: 0, cut: 0, flushed: 0 }]),
  );
  const fateOf = fates(run, pairs, rows);
  let isBlind = false;
  const onBlind = () => void (isBlind = true);
  for (const { service, flow } of establishedOf(run, pairs, onBlind)) {
    const count = counts.get(service)!;
    const fate = fateOf(flow);
    count[fate]++;
    if (fate === "draining") count.kept++;
  }
  for (const name of unbalancedOf(run, pairs, onBlind)) counts.get(name)!.flushed++;
  const seen = pairs.filter((pair) => !isBlind || !isTranslated(pair));
  return new Map(seen.map(({ name }) => [name, counts.get(name)!]));
}

/** Whether conntrack alone knows its connections. */
function isTranslated({ before, after }: Pair): boolean {
  return [before, after].some((side) => side?.task.engine.usesNat);
}

/** A connection of one of these services. */
interface Owned {
  readonly service: string;
  readonly flow: Flow;
}

function establishedOf(
  { machine, request }: Run,
  pairs: readonly Pair[],
  onBlind: () => void,
): Owned[] {
  const sides = pairs.flatMap(({ before }) => before ?? []);
  const sought = sides.flatMap(({ service }) =>
    service.backends.map((backend) => soughtFor({ id: backend.id, service, backend }))
  );
  const owners = new Map(
    sides.flatMap(({ service: { name, backends } }) =>
      backends.map(({ id }) => [id, name] as const)
    ),
  );
  const layouts = knownLayouts(machine, request.loaded.config.marks);
  return findFlows(machine.kernel, layouts, sought, onBlind)
    .map((flow) => ({ service: owners.get(flow.id)!, flow }));
}

/** Udp flows that are there before the rules of services which begin to be translated, by the service's name. */
function unbalancedOf(
  { machine }: Run,
  pairs: readonly Pair[],
  onBlind: () => void,
): string[] {
  const come = pairs.flatMap(({ before, after }) =>
    after?.task.engine.usesNat && after.service.forward !== "dr" && !before?.task.engine.usesNat
      ? [after.service]
      : []
  );
  const dump: typeof dumpSome = (...how) => dumpWhereThere(...how, onBlind);
  return findUnbalanced(machine.kernel.sockets, come, dump).map(({ service }) => service.name);
}

/** What becomes of a connection. */
function fates(
  run: Run,
  pairs: readonly Pair[],
  rows: readonly IntentRow[],
): (flow: Flow) => Fate {
  const known = new Map(
    pairs.flatMap((pair) =>
      (pair.before?.service.backends ?? []).map(({ id }) => [id, pair] as const)
    ),
  );
  const { cut, draining } = drainingIds(run, pairs, rows);
  const lost = lostIds(run, pairs);
  const breaksOf = breaksByTask();
  return (flow) => {
    const isUdp = flow.protocol === PROTOCOL_NUMBERS.udp;
    const end = isUdp ? "flushed" : "cut";
    const { before } = known.get(flow.id)!;
    if (cut.has(flow.id) || breaksOf(before!.task)(establishedAs(flow))) return end;
    if (isUdp && lost.has(flow.id)) return end;
    return draining.has(flow.id) ? "draining" : "kept";
  };
}

function breaksByTask(): (task: EngineTask) => Breaks {
  const known = new Map<EngineTask, Breaks>();
  return (task) => {
    const found = known.get(task) ?? task.engine.breaks(task.state, task.committed!.state);
    known.set(task, found);
    return found;
  };
}

function establishedAs({ id, family, protocol, request }: Flow) {
  return {
    id,
    protocol: protocolOf(protocol)!,
    vip: { family, text: request.dst },
    vip_port: request.dport,
  };
}

/** Whether a drain's rest is cut as soon as somebody looks. */
export function isCut({ intent, ended, deadline_ms }: IntentRow, now_ms: number): boolean {
  return intent === "drain" && ended === null && deadline_ms !== null && deadline_ms <= now_ms;
}

/** Backends whose drains are over by now, or will be. */
function drainingIds({ now_ms }: Run, pairs: readonly Pair[], rows: readonly IntentRow[]) {
  const open = rows.filter(({ intent, ended }) => intent === "drain" && ended === null);
  const byName = new Map(open.map((row) => [fullName(row.service, row.backend), row]));
  const [cut, draining] = [new Set<number>(), new Set<number>()];
  for (const { service, backend } of backendsAfter(pairs)) {
    const row = byName.get(fullName(service.name, backendKey(backend)));
    if (row) (isCut(row, now_ms) ? cut : draining).add(backend.id);
  }
  return { cut, draining };
}

/** Backends whose udp flows would go to the dead: those that leave, and those that have become unhealthy. */
function lostIds({ machine, now_ms }: Run, pairs: readonly Pair[]): Set<number> {
  const standings = knownStandings(machine, now_ms);
  const well = new Set(
    backendsAfter(pairs).filter(({ service, backend }) => standings(service, backend).isAble)
      .map(({ backend }) => backend.id),
  );
  const there = new Set(backendsAfter(pairs).map(({ backend }) => backend.id));
  const before = pairs.flatMap(({ before }) => before?.service.backends ?? []);
  return new Set(
    before.filter(({ id, effective_weight }) =>
      !there.has(id) || effective_weight > 0 && !well.has(id)
    ).map(({ id }) => id),
  );
}

function backendsAfter(
  pairs: readonly Pair[],
): { readonly service: PlacedService; readonly backend: PlacedBackend }[] {
  return pairs.flatMap(({ after }) =>
    (after?.service.backends ?? []).map((backend) => ({ service: after!.service, backend }))
  );
}
