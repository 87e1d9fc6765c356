import type { Facts } from "../capability/facts.ts";
import type { LoadedConfig } from "../config/load.ts";
import type { BackendCounters, Engine } from "../engine/engine.ts";
import { ENGINES } from "../engine/registry.ts";
import { type Intents, intentsOf, secondsLeft } from "../health/drain.ts";
import type { Standing, Standings } from "../health/standing.ts";
import { HASTY_MS } from "../host/neighbour/observe.ts";
import type { HealthState } from "../model/health.ts";
import type { DrainEnd, Intent, IntentRecord } from "../model/intent.ts";
import type { EngineName } from "../model/service.ts";
import type { DesiredState, PlacedBackend, PlacedService } from "../model/state.ts";
import { type BackendRow, foldCounter } from "../store/ids.ts";
import { findDrift } from "./drift.ts";
import { knownStandings, RISING } from "./health/health.ts";
import { observeLoads, unreadLoads } from "./health/load.ts";
import { hostDrift, hostWant, planHost } from "./host.ts";
import { observeLinks } from "./links.ts";
import { committedOf, isUntouched, type Memory, recall } from "./memory.ts";
import { betterNotes } from "./move.ts";
import { placeServices, servicesOn, weightReason } from "./place.ts";
import { planQueue, reportWorker, type WorkerReport } from "./queue.ts";
import type { Machine } from "./request.ts";
import { type Chosen, heldEngines, selectAll } from "./selection.ts";
import { committedTracking } from "./tracking.ts";

/** A drain as it is now. */
export interface DrainStatus {
  /** null where they cannot be counted. */
  readonly connections_left: number | null;
  /** Seconds until the rest is cut. */
  readonly seconds_left: number | null;
  /** When that is. Milliseconds since 1970. */
  readonly deadline_ms: number | null;
  /** How it ended; null while it goes on. */
  readonly ended: DrainEnd | null;
  /** The backend leaves the config then. */
  readonly removes: boolean;
}

/** One backend as it is now. */
export interface BackendStatus {
  readonly backend: PlacedBackend;
  readonly effective_weight: number;
  /** Why it is not the configured weight; "" where it is. */
  readonly weight_reason: string;
  readonly intent: Intent;
  /** How far its drain is; null where it does not drain. */
  readonly drain: DrainStatus | null;
  readonly health: HealthState;
  /** Why, where it is not healthy; of a healthy one, what is to be known beside. */
  readonly health_reason: string;
  readonly active_connections: number | null;
  readonly new_connections: number | null;
  readonly bytes_in: number | null;
  readonly bytes_out: number | null;
  /** Time of the last check, in milliseconds. */
  readonly check_ms: number | null;
  /**
   * When its health changed last, or it was added. Milliseconds since 1970. null where it fails and is not
   * believed: when it began to is on no record.
   */
  readonly changed_at_ms: number | null;
  /** Choices of the worker's since it began; null where it does not choose, or does not answer. */
  readonly chosen: number | null;
}

/** One service as it is now, and why its engine serves it. */
export interface ServiceStatus {
  readonly service: PlacedService;
  readonly engine: EngineName;
  readonly reason: string;
  readonly backends: readonly BackendStatus[];
  /** Connections that the kernel chose for in the worker's place; null where there is no worker to choose. */
  readonly fallbacks: number | null;
  /** Since when more of its backends fail than is believed; undefined where that is not so. */
  readonly panic_since_ms?: number;
}

/** What `lb status` tells. */
export interface Status {
  readonly version: string;
  /** null where nothing was ever applied. */
  readonly revision: number | null;
  readonly applied_at_ms: number | null;
  /** Objects repaired in the last pass. */
  readonly drift_last_pass: number;
  /** Passes left out since there is a state, because the one before was still under way. */
  readonly skipped_passes: number;
  /** Objects that differ right now from what was applied. */
  readonly drifted: readonly string[];
  /** What is wanted and cannot be brought about, each with what the operator can do. */
  readonly blocked: readonly string[];
  /** The config file is not what was applied last, or there is none. */
  readonly config_edited: boolean;
  /** Why the config file cannot be compared with what was applied; undefined where it can. */
  readonly config_trouble?: string;
  /** As it is wanted, but maybe not as it was meant. */
  readonly notes: readonly string[];
  readonly services: readonly ServiceStatus[];
  /** The queue worker; undefined where no service takes one. */
  readonly worker?: WorkerReport;
}

/** What a look takes: nothing is checked, and nothing tried out. */
export type Onlooker = Omit<Machine, "facts" | "check" | "packets">;

/** The state of everything that was applied last; reads only. */
export async function readStatus(
  machine: Onlooker,
  applied: { readonly loaded: LoadedConfig; readonly facts: Facts } | undefined,
  about: { readonly config_text: string } | { readonly config_trouble: string },
): Promise<Status> {
  const latest = machine.store.revisions.latestApplied();
  const compared = { config_text: undefined, config_trouble: undefined, ...about };
  const isEdited = Boolean(latest?.config_text) && latest?.config_text !== compared.config_text;
  const base = {
    version: machine.version,
    // After an uninstall nothing is applied, and the file waits for the next apply as it should.
    config_edited: isEdited,
    ...isEdited && { config_trouble: compared.config_trouble },
    revision: latest?.revision ?? null,
    applied_at_ms: latest?.finished_at_ms ?? null,
    drift_last_pass: machine.store.passes.last()?.drift ?? 0,
    skipped_passes: machine.store.passes.last()?.skipped ?? 0,
  };
  if (!applied) return { ...base, drifted: [], blocked: [], notes: [], services: [] };
  const chosen = await selectAll(applied.loaded, applied.facts, heldEngines(machine.store));
  const rows = machine.store.backends.all();
  const byName = new Map(chosen.map((each) => [each.name, each]));
  const engineOf = new Map(chosen.map((each) => [each.name, each.engine]));
  const drifted: string[] = [];
  const found = new Map<string, ServiceStatus>();
  const links = await observeLinks(machine.kernel, applied.loaded.config, engineOf, HASTY_MS);
  const worker = await reportWorker(machine);
  const states: DesiredState[] = [];
  const now_ms = machine.kernel.clock.now_ms();
  const standings = knownStandings(machine, now_ms);
  const intents = intentsOf(machine.store.intents.all());
  const panics = new Map(
    machine.store.health.panics().map(({ service, since_ms }) => [service, since_ms]),
  );
  const watched = links.watched ?? committedTracking(machine)?.watched;
  for (const engine of ENGINES) {
    const { config } = applied.loaded;
    const memory = recall(machine, engine.name);
    const services = servicesOn(config, engineOf, engine);
    const loads = observeLoads(machine, engine, services, memory, { isMoving: false });
    const state = placeServices(config, engineOf, engine, rows, applied.facts, links, {
      loads,
      standings,
      intents,
      now_ms,
      watch: { watched },
    });
    if (state.services.length === 0 && !memory.record) continue;
    drifted.push(...await driftedObjects(machine, engine, state, memory));
    const backends = joinById(rows, await engine.counters(machine.kernel, state));
    const fallbacks = engine.fallbacks(machine.kernel, state);
    states.push(state);
    for (const service of state.services) {
      const panic_since_ms = panics.get(service.name);
      const counts = { backends, worker, fallbacks: fallbacks.get(service.name) };
      const known = { standings, intents, now_ms, panic_since_ms };
      found.set(service.name, serviceStatus(service, byName, counts, known));
    }
  }
  const { config } = applied.loaded;
  const host = planHost(machine, config, hostWant(config, engineOf, watched));
  const queue = await planQueue(machine, states);
  drifted.push(...hostDrift(host), ...queue.changes.map(({ object }) => object));
  const notes = [...host.notes, ...betterNotes(chosen), ...unreadLoads(machine, config)];
  const blocked = [
    ...host.homeless.map(({ message }) => message),
    ...channelTroubles(machine.store),
  ];
  const inOrder = chosen.map(({ name }) => found.get(name)!);
  return { ...base, drifted, blocked, notes, services: inOrder, worker };
}

/** Channels by which nobody can be told of events just now, a sentence for each. */
function channelTroubles({ outbox }: Machine["store"]): string[] {
  return outbox.standings().filter(({ failures }) => failures > 0).map((each) => {
    const { channel, waiting, error } = each;
    const events = waiting === 1 ? "1 event waits" : `${waiting} events wait`;
    return `notify: ${events} to be told by ${channel}: ${error} ("lb notify" tells more)`;
  });
}

/** What is not as it was committed. Where nothing has touched the kernel since, it is not even read. */
async function driftedObjects(
  machine: Onlooker,
  engine: Engine,
  state: DesiredState,
  memory: Memory,
): Promise<string[]> {
  if (await isUntouched(machine, engine, memory, state)) return [];
  const committed = memory.record && committedOf(machine, engine, memory.record, state);
  const { have } = await engine.observe(machine.kernel, committed);
  const { version } = machine;
  const { objects, isCutOff } = findDrift(engine, have, memory, { committed, version });
  if (isCutOff) return [...objects, `${engine.name}: everything (a run was cut off)`];
  // After a reboot nothing is remembered of this kernel, and nothing is there until it is restored.
  if (!have.present && !memory.record) return [...objects, `${engine.name}: everything`];
  return [...objects];
}

interface Counted {
  readonly row: BackendRow;
  readonly counters?: BackendCounters;
}

function joinById(
  rows: readonly BackendRow[],
  counted: readonly BackendCounters[],
): Map<number, Counted> {
  const counters = new Map(counted.map((each) => [each.id, each]));
  return new Map(rows.map((row) => [row.id, { row, counters: counters.get(row.id) }]));
}

/** What was counted of a service. */
interface ServiceCounts {
  readonly backends: ReadonlyMap<number, Counted>;
  readonly worker?: WorkerReport;
  readonly fallbacks?: number;
}

function serviceStatus(
  service: PlacedService,
  byName: ReadonlyMap<string, Chosen>,
  { backends: counted, worker, fallbacks }: ServiceCounts,
  { standings, intents, now_ms, panic_since_ms }: {
    readonly standings: Standings;
    readonly intents: Intents;
    readonly now_ms: number;
    readonly panic_since_ms?: number;
  },
): ServiceStatus {
  const { engine, reason } = byName.get(service.name)!;
  const choices = service.queued ? worker?.status?.chosen : undefined;
  const backends = service.backends.map((backend) => ({
    ...backendStatus(service, backend, counted.get(backend.id)!, standings(service, backend)),
    ...intentStatus(intents(service, backend), counted.get(backend.id)?.counters, now_ms),
    chosen: choices ? choices[backend.id] ?? 0 : null,
  }));
  const some = panic_since_ms !== undefined && { panic_since_ms };
  return { service, engine, reason, backends, fallbacks: fallbacks ?? null, ...some };
}

function backendStatus(
  service: PlacedService,
  backend: PlacedBackend,
  { row, counters }: Counted,
  standing: Standing,
): Omit<BackendStatus, "chosen" | "intent" | "drain"> {
  const raw = counters?.new_connections ?? null;
  return {
    backend,
    effective_weight: backend.effective_weight,
    weight_reason: weightReason(service, backend, standing),
    health: standing.state,
    health_reason: healthReason(standing),
    active_connections: counters?.active_connections ?? null,
    new_connections: raw === null ? null : foldCounter(row, raw).new_total,
    bytes_in: counters?.bytes_in ?? null,
    bytes_out: counters?.bytes_out ?? null,
    check_ms: standing.row?.check_ms ?? null,
    changed_at_ms: changedAt(standing, row),
  };
}

function changedAt({ state, row }: Standing, { added_at_ms }: BackendRow): number | null {
  if (!row) return added_at_ms;
  return row.state === state ? row.since_ms : null;
}

function intentStatus(
  wanted: IntentRecord | undefined,
  counters: BackendCounters | undefined,
  now_ms: number,
): Pick<BackendStatus, "intent" | "drain"> {
  const { intent = "ready" } = wanted ?? {};
  if (!wanted || intent !== "drain") return { intent, drain: null };
  const { ended, removes, deadline_ms } = wanted;
  const connections_left = counters?.active_connections ?? null;
  return {
    intent,
    drain: {
      connections_left,
      seconds_left: secondsLeft(wanted, now_ms),
      deadline_ms,
      ended,
      removes,
    },
  };
}

/** Words for its health, "" where there is nothing to say. */
function healthReason({ state, row, isAble }: Standing): string {
  if (!row) return "not checked";
  if (row.reason === "") return state === "unhealthy" ? RISING : "";
  if (state === "healthy") return `last check failed: ${row.reason}`;
  return isAble ? `${row.reason}; not believed` : row.reason;
}
