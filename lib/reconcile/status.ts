import { type ConntrackFill, conntrackFill } from "../capability/conntrack_fill.ts";
import type { Facts } from "../capability/facts.ts";
import type { LoadedConfig } from "../config/load.ts";
import type { Engine } from "../engine/engine.ts";
import { ENGINES } from "../engine/registry.ts";
import { intentsOf } from "../health/drain.ts";
import { HASTY_MS } from "../host/neighbour/observe.ts";
import { plural } from "../model/plural.ts";
import type { Sample } from "../model/sample.ts";
import type { DesiredState } from "../model/state.ts";
import type { Trial } from "../model/trial.ts";
import { findDrift } from "./drift.ts";
import { knownStandings } from "./health/health.ts";
import { observeLoads, unreadLoads } from "./health/load.ts";
import { hostDiffering, hostWant, planHost } from "./host.ts";
import { type Links, observeLinks } from "./links.ts";
import { committedOf, isUntouched, type Memory, recall } from "./memory.ts";
import { betterNotes } from "./move.ts";
import { placeServices, servicesOn } from "./place.ts";
import { surveyQueue, type WorkerReport } from "./queue.ts";
import type { Machine } from "./request.ts";
import { type Chosen, heldEngines, selectAll } from "./selection.ts";
import {
  joinById,
  type Known,
  type ServiceCounts,
  type ServiceStatus,
  serviceStatus,
} from "./service_status.ts";
import { committedTracking } from "./tracking.ts";

export type { BackendStatus, DrainStatus, ServiceStatus } from "./service_status.ts";

/** What `lb status` tells. */
export interface Status {
  readonly version: string;
  /** null where nothing was ever applied. */
  readonly revision: number | null;
  readonly applied_at_ms: number | null;
  /** What is in force until somebody confirms it; undefined: it is there to stay. */
  readonly trial?: Trial;
  /** Objects repaired in the last pass. */
  readonly drift_last_pass: number;
  /** When the last pass was; null where none ever was. Milliseconds since 1970. */
  readonly last_pass_at_ms: number | null;
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
  /** How full the table of connections is; undefined where conntrack has not been used yet. */
  readonly conntrack?: ConntrackFill;
  /** The queue worker; undefined where no service takes one. */
  readonly worker?: WorkerReport;
}

/** What a look takes: nothing is checked, and nothing tried out. */
export type Onlooker = Omit<Machine, "facts" | "check" | "packets">;

/** What was applied last, and what is known of this machine. */
interface Applied {
  readonly loaded: LoadedConfig;
  readonly facts: Facts;
}

/** The state of everything that was applied last; reads only. */
export async function readStatus(
  machine: Onlooker,
  applied: Applied | undefined,
  about: { readonly config_text: string } | { readonly config_trouble: string },
): Promise<Status> {
  const conntrack = conntrackFill(machine.kernel.files);
  const base = { ...recordedStatus(machine, about), conntrack };
  if (!applied) return { ...base, drifted: [], blocked: [], notes: [], services: [] };
  const { config } = applied.loaded;
  const chosen = await selectAll(applied.loaded, applied.facts, heldEngines(machine.store));
  const engineOf = new Map(chosen.map(({ name, engine }) => [name, engine]));
  const links = await observeLinks(machine.kernel, config, engineOf, HASTY_MS);
  const watched = links.watched ?? committedTracking(machine)?.watched;
  const now_ms = machine.kernel.clock.now_ms();
  const look: Look = {
    ...{ ...applied, links, watched, engineOf, now_ms },
    standings: knownStandings(machine, now_ms),
    intents: intentsOf(machine.store.intents.all()),
  };
  const parts: EnginePart[] = [];
  for (const engine of ENGINES) parts.push(...await lookAt(machine, engine, look));
  const host = planHost(machine, config, hostWant(config, engineOf, watched));
  const { stage, worker } = await surveyQueue(machine, parts.map(({ state }) => state));
  const drifted = [
    ...parts.flatMap(({ drifted }) => drifted),
    ...hostDiffering(host),
    ...stage.changes.map(({ object }) => object),
  ];
  const notes = [...host.notes, ...betterNotes(chosen), ...unreadLoads(machine, config)];
  const blocked = [
    ...host.blocked,
    ...channelTroubles(machine.store),
  ];
  const services = servicesOf(machine, parts, look, { chosen, worker });
  return { ...base, drifted, blocked, notes, services, worker };
}

/** What is told without a look at the kernel. */
function recordedStatus(
  { store, version }: Onlooker,
  about: { readonly config_text?: string; readonly config_trouble?: string },
) {
  const latest = store.revisions.latestApplied();
  const pass = store.passes.last();
  const trial = store.trials.open();
  const isEdited = Boolean(latest?.config_text) && latest?.config_text !== about.config_text;
  return {
    version,
    // After an uninstall nothing is applied, and the file waits for the next apply as it should.
    config_edited: isEdited,
    ...isEdited && { config_trouble: about.config_trouble },
    revision: latest?.revision ?? null,
    applied_at_ms: latest?.finished_at_ms ?? null,
    ...trial && { trial },
    drift_last_pass: pass?.drift ?? 0,
    last_pass_at_ms: store.passes.lastAt(),
    skipped_passes: pass?.skipped ?? 0,
  };
}

/** What all engines are looked at with. */
interface Look extends Applied, Pick<Known, "standings" | "intents" | "now_ms"> {
  readonly links: Links;
  readonly watched?: string;
  readonly engineOf: ReadonlyMap<string, Chosen["engine"]>;
}

/** What an engine holds, and has counted. */
interface EnginePart {
  readonly state: DesiredState;
  readonly drifted: readonly string[];
  readonly backends: ServiceCounts["backends"];
  readonly fallbacks: ReadonlyMap<string, number>;
}

/** @returns nothing where there is nothing of this engine, and nothing was */
async function lookAt(machine: Onlooker, engine: Engine, look: Look): Promise<EnginePart[]> {
  const { kernel, store } = machine;
  const { loaded: { config }, facts, links, watched, engineOf } = look;
  const { standings, intents, now_ms } = look;
  const memory = recall(machine, engine.name);
  const services = servicesOn(config, engineOf, engine);
  const loads = observeLoads(machine, engine, services, memory, { isMoving: false });
  const rows = store.backends.all();
  const state = placeServices(config, engineOf, engine, rows, facts, links, {
    ...{ loads, standings, intents, now_ms },
    watch: { watched },
  });
  if (state.services.length === 0 && !memory.record) return [];
  const drifted = await driftedObjects(machine, engine, state, memory);
  const backends = joinById(rows, await engine.counters(kernel, state));
  return [{ state, drifted, backends, fallbacks: engine.fallbacks(kernel, state) }];
}

/** A rate over less is an accident, and over more it is history. */
const RATE_MS_MIN = 5_000;
const RATE_MS_MAX = 10 * 60_000;

function servicesOf(
  machine: Onlooker,
  parts: readonly EnginePart[],
  { standings, intents, now_ms }: Look,
  { chosen, worker }: { readonly chosen: readonly Chosen[]; readonly worker?: WorkerReport },
): ServiceStatus[] {
  const { store } = machine;
  const byName = new Map(chosen.map((each) => [each.name, each]));
  const panics = new Map(store.health.panics().map(({ service, since_ms }) => [service, since_ms]));
  const before = samplesBefore(machine, now_ms);
  const found = new Map(
    parts.flatMap(({ state, backends, fallbacks }) =>
      state.services.map((service) => {
        const { name } = service;
        const counts = { backends, worker, fallbacks: fallbacks.get(name) };
        const known = {
          ...{ standings, intents, now_ms },
          panic_since_ms: panics.get(name),
          before: before.get(name),
        };
        return [name, serviceStatus(service, byName.get(name)!, counts, known)] as const;
      })
    ),
  );
  return chosen.map(({ name }) => found.get(name)!);
}

function samplesBefore({ store }: Onlooker, now_ms: number): Map<string, Sample> {
  const samples = store.samples.lastBefore(now_ms - RATE_MS_MIN);
  return new Map(
    samples.filter(({ at_ms }) => now_ms - at_ms <= RATE_MS_MAX).map((one) => [one.service, one]),
  );
}

/** Channels by which nobody can be told of events just now, a sentence for each. */
function channelTroubles({ outbox }: Machine["store"]): string[] {
  return outbox.standings().filter(({ failures }) => failures > 0).map((each) => {
    const { channel, waiting, error } = each;
    const events = plural(waiting, "event waits", "events wait");
    return `notify: ${events} to be told by ${channel}: ${error} ("lb notify" tells more)`;
  });
}

/** What is not as it was committed. Where nothing has touched the kernel since, it is not even read. */
export async function driftedObjects(
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
