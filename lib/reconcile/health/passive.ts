import type { Engine } from "../../engine/engine.ts";
import { ENGINES } from "../../engine/registry.ts";
import { beyondHabit, leastResetting, type Traffic } from "../../health/passive.ts";
import type { CheckedBackend } from "../../health/target.ts";
import { fitsMark } from "../../model/mark.ts";
import { backendKey } from "../../model/service.ts";
import type { DesiredState } from "../../model/state.ts";
import { dumpFailed, type FailedConnection } from "../../netlink/conntrack/failed.ts";
import type { OpenedRow } from "../../store/opened.ts";
import type { Machine } from "../request.ts";
import { committedServices, loadName } from "./load.ts";

type Watcher = Pick<Machine, "store" | "host" | "kernel">;

/** A backend whose connections are looked at, as its engine knows it. */
interface Watched extends Pick<OpenedRow, "service" | "backend" | "opened"> {
  readonly id: number;
}

/**
 * What became of the connections to backends that are to be watched, since each was watched last. Puts on
 * record how far that was. There is nothing to tell of who was never watched, or is not balanced to here.
 *
 * @param due backends whose turn it is, among all that are checked
 * @throws {KernelError} where the kernel cannot be asked
 */
export async function observeTraffic(
  machine: Watcher,
  due: readonly CheckedBackend[],
  checked: readonly CheckedBackend[],
): Promise<ReadonlyMap<CheckedBackend, Traffic>> {
  const passive = due.filter(({ health }) => health.passive);
  const known = machine.store.opened.all();
  if (passive.length === 0 && known.length === 0) return new Map();
  const now_ms = machine.kernel.clock.now_ms();
  const names = new Set(passive.map(({ service }) => service.name));
  const lists = await Promise.all(ENGINES.map((engine) => watchedBy(machine, engine, names)));
  const before = new Map(known.map((row) => [loadName(row), row]));
  const found = withoutHabits(trafficOf(machine, lists, before, now_ms));
  const wanted = new Set(passive.map(nameOf));
  const others = new Set(checked.filter(({ health }) => health.passive).map(nameOf));
  machine.store.opened.put([
    ...known.filter((row) => !wanted.has(loadName(row)) && others.has(loadName(row))),
    ...lists.flatMap(({ watched }) => watched).filter((one) => wanted.has(loadName(one)))
      .map((one) => ({ ...one, at_ms: now_ms })),
  ]);
  return new Map(passive.flatMap((one) => {
    const traffic = found.get(nameOf(one));
    return traffic ? [[one, traffic] as const] : [];
  }));
}

interface WatchList {
  readonly watched: readonly Watched[];
  readonly marks?: DesiredState["marks"];
}

/** The backends of these services that an engine translates to, and how many connections they were given. */
async function watchedBy(
  machine: Watcher,
  engine: Engine,
  names: ReadonlySet<string>,
): Promise<WatchList> {
  const record = machine.store.commits.get(engine.name, machine.host);
  if (!engine.usesNat || !record || names.size === 0) return { watched: [] };
  const services = committedServices(machine, engine, names);
  const state: DesiredState = { ...JSON.parse(record.frame_json), services };
  const counters = await engine.counters(machine.kernel, state);
  const openedOf = new Map(counters.map(({ id, new_connections }) => [id, new_connections]));
  const watched = services.flatMap(({ name, backends }) =>
    backends.flatMap((one) => {
      const opened = openedOf.get(one.id);
      // Connections to others are not known apart.
      if (opened === undefined || opened === null || !fitsMark(state.marks, one.id)) return [];
      return [{ service: name, backend: backendKey(one), id: one.id, opened }];
    })
  );
  return { watched, marks: state.marks };
}

type SeenTraffic = Traffic & Pick<OpenedRow, "service" | "backend">;

function trafficOf(
  { kernel }: Watcher,
  lists: readonly WatchList[],
  before: ReadonlyMap<string, OpenedRow>,
  now_ms: number,
): SeenTraffic[] {
  const found: SeenTraffic[] = [];
  for (const { watched, marks } of lists) {
    if (!marks || watched.length === 0) continue;
    const failed = Map.groupBy(dumpFailed(kernel.sockets, marks), ({ id }) => id);
    for (const one of watched) {
      const last = before.get(loadName(one));
      if (!last) continue;
      const isCounted = countedSince(kernel, Math.max(0, now_ms - last.at_ms));
      const ours = (failed.get(one.id) ?? []).filter(isCounted);
      const of = (kind: FailedConnection["kind"]) =>
        ours.filter((each) => each.kind === kind).length;
      // A counter that was made anew has counted all of what it has since.
      const opened = one.opened >= last.opened ? one.opened - last.opened : one.opened;
      const { service, backend } = one;
      found.push({ service, backend, opened, unanswered: of("unanswered"), reset: of("reset") });
    }
  }
  return found;
}

function withoutHabits(found: readonly SeenTraffic[]): Map<string, Traffic> {
  const services = Map.groupBy(found, ({ service }) => service);
  const leastReset = new Map(Array.from(services, ([name, all]) => [name, leastResetting(all)]));
  return new Map(found.map((one) => {
    const others = leastReset.get(one.service)!.filter((each) => each !== one);
    return [loadName(one), beyondHabit(one, others)];
  }));
}

/** How long a client may wait for an answer, s: a lost packet is sent again after one. */
const GRACE_S = 1;

/** What conntrack remembers connections for after their last packet, s, where nobody has set it otherwise. */
const USUAL_S = { syn_sent: 120, close: 10 } as const;

/**
 * Tells connections that came to nothing within this time: by how long their last packet is ago. What is
 * older was counted at the last look.
 */
function countedSince({ files }: Watcher["kernel"], elapsed_ms: number) {
  const elapsed_s = elapsed_ms / 1000;
  const [unanswered_s, reset_s] = [timeoutOf(files, "syn_sent"), timeoutOf(files, "close")];
  return ({ kind, timeout_s }: FailedConnection): boolean => {
    if (kind === "reset") return ageOf(reset_s, timeout_s) < elapsed_s;
    const age_s = ageOf(unanswered_s, timeout_s) - GRACE_S;
    return age_s >= 0 && age_s < elapsed_s;
  };
}

/** What is left is told in whole seconds, rounded down: half of one is the middle of what it can be. */
function ageOf(whole_s: number, left_s: number): number {
  return whole_s - left_s - 0.5;
}

function timeoutOf(files: Watcher["kernel"]["files"], state: keyof typeof USUAL_S): number {
  const text = files.read(`/proc/sys/net/netfilter/nf_conntrack_tcp_timeout_${state}`);
  return Number(text?.trim() || USUAL_S[state]);
}

function nameOf({ service, key }: CheckedBackend): string {
  return loadName({ service: service.name, backend: key });
}
