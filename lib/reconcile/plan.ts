import { modulesToLoad } from "../capability/unused.ts";
import type { Diagnostic } from "../config/diagnostic.ts";
import type { Engine, EnginePlan } from "../engine/engine.ts";
import { type Intents, intentsOf } from "../health/drain.ts";
import type { Standings } from "../health/standing.ts";
import { PATIENT_MS } from "../host/neighbour/observe.ts";
import { LbError } from "../model/error.ts";
import type { DesiredState, PlacedService } from "../model/state.ts";
import { allocateIds, type BackendRow } from "../store/ids.ts";
import { findDrift, markOf } from "./drift.ts";
import { knownStandings } from "./health/health.ts";
import { isFollowed, observeLoads } from "./health/load.ts";
import {
  hostChanges,
  hostDrift,
  type HostStages,
  hostSysctls,
  hostWant,
  planHost,
} from "./host.ts";
import { type Links, observeLinks, obstacles, refuseOffLink } from "./links.ts";
import { type Memory, recall, type View, viewOf, type ViewOptions } from "./memory.ts";
import { isAwaited, moveNotes, movesOf, watchTranslated } from "./move.ts";
import type { Outcome } from "./outcome.ts";
import { backendNames, placeServices, servicesOn } from "./place.ts";
import { planQueue, type QueueStage } from "./queue.ts";
import type { Run } from "./request.ts";
import { enginesHere } from "./selection.ts";
import { newToken } from "./token.ts";
import { trackingNotes, type Watch } from "./tracking.ts";

/** The config text that is being brought about. */
export interface Target {
  readonly revision: number;
  /** Whether it was not the last one applied. A repair makes no new revision. */
  readonly isNew: boolean;
}

/** The part of a run that belongs to one engine. */
export interface EngineTask extends View {
  readonly engine: Engine;
  readonly state: DesiredState;
  readonly plan: EnginePlan;
  readonly memory: Memory;
  /** Nothing is to be written, but an earlier run was cut off between its write and its record. */
  readonly isRecordBehind: boolean;
}

/** Everything that would be done, and why: a value. */
export interface RunPlan {
  readonly target: Target;
  /** The ids of all backends, as they are to be on record. */
  readonly rows: readonly BackendRow[];
  /** What needs conntrack's view of what IPVS balances. */
  readonly watch: Watch;
  readonly tasks: readonly EngineTask[];
  readonly host: HostStages;
  readonly queue: QueueStage;
  /** What will be reported if all goes as planned. */
  readonly outcome: Outcome;
}

/**
 * Observes the kernel and plans the way to the config. Changes nothing.
 *
 * @throws {LbError} `unsupported` where a new config asks for what is not there
 */
export async function planRun(run: Run, how: ViewOptions = {}): Promise<RunPlan> {
  const { config } = run.request.loaded;
  const { backends, passes } = run.machine.store;
  const known = backends.all();
  const wanted = backendNames(config.services);
  const settled_ms = passes.last()?.at_ms;
  const rows = allocateIds(known, wanted, config.marks.idMax - 1, run.now_ms, settled_ms);
  const target = findTarget(run);
  const links = await observeLinks(run.machine.kernel, config, run.engineOf, PATIENT_MS);
  if (target.isNew) refuseOffLink(links);
  const watch = links.watched === undefined
    ? watchTranslated(run, rows)
    : { watched: links.watched };
  const standings = knownStandings(run.machine, run.now_ms);
  const intents = intentsOf(run.request.intents ?? run.machine.store.intents.all());
  const inputs = { rows, target, links, watch, standings, intents };
  const tasks: EngineTask[] = [];
  for (const engine of enginesHere(run.machine)) {
    tasks.push(await planEngine(run, engine, inputs, how));
  }
  run.notes.push(...moveNotes(run), ...moduleNotes(run, tasks));
  const host = planHost(run.machine, config, hostWant(config, run.engineOf, watch.watched));
  run.notes.push(...trackingNotes(host, links.watched));
  if (target.isNew) refuse(host);
  const queue = await planQueue(run.machine, tasks.map(({ state }) => state));
  for (const object of [...hostDrift(host), ...queue.drift]) run.progress.drift.add(object);
  const parts = { target, tasks, host, queue };
  return { ...parts, rows, watch, outcome: outcomeOf(run, parts, links) };
}

/** What the kernel loads by itself with the first rule that takes it. */
function moduleNotes(
  { machine: { facts, kernel }, request }: Run,
  tasks: readonly EngineTask[],
): string[] {
  if (!facts.capabilities.some(({ answer }) => answer === "loadable")) return [];
  const used = new Set(
    tasks.filter(({ plan }) => plan.changes.length > 0).flatMap(({ engine, state }) =>
      state.services.length === 0
        ? []
        : [...engine.requires, ...state.services.flatMap((service) => engine.needs(service))]
    ),
  );
  const modules = modulesToLoad(kernel, facts, used);
  const tense = request.dryRun ? "would load" : "loads";
  return modules.length > 0 ? [`the kernel ${tense} modules: ${modules.join(", ")}`] : [];
}

/** What was in force once goes on with what there is; what never was had better be right. */
function refuse({ homeless }: HostStages): void {
  if (homeless.length === 0) return;
  const reasons = homeless.map(({ message }) => `${message}\n`);
  throw new LbError("unsupported", `${reasons.join("")}Nothing was changed.`);
}

/** A move that was asked for is a revision of its own: there is something to go back to. */
function findTarget(run: Run): Target {
  const { machine: { store: { revisions } }, request, progress } = run;
  const latest = revisions.latestApplied();
  const isMove = request.held !== undefined && movesOf(run).length > 0;
  if (latest?.config_text === request.loaded.text && !isMove) {
    return { revision: latest.revision, isNew: false };
  }
  return { revision: progress.begun ?? revisions.next(), isNew: true };
}

async function planEngine(
  run: Run,
  engine: Engine,
  { rows, target, links, watch, standings, intents }: Pick<RunPlan, "rows" | "target" | "watch"> & {
    readonly links: Links;
    readonly standings: Standings;
    readonly intents: Intents;
  },
  how: ViewOptions,
): Promise<EngineTask> {
  const { config } = run.request.loaded;
  const { facts } = run.machine;
  const memory = recall(run.machine, engine.name);
  const loads = observeLoads(
    run.machine,
    engine,
    servicesOn(config, run.engineOf, engine),
    memory,
    { isMoving: !run.request.dryRun },
  );
  const placed = placeServices(config, run.engineOf, engine, rows, facts, links, {
    loads,
    watch,
    standings,
    intents,
    now_ms: run.now_ms,
  });
  const state = isAwaited(run, engine, placed, memory) ? { ...placed, lingers: true } : placed;
  const view = await viewOf(run.machine, engine, state, memory, how);
  const plan = engine.plan(view.want, view.have, newToken(target.revision));
  const isSettled = plan.changes.length === 0;
  // What was removed by hand and is to be removed anyway is nobody's loss.
  if (view.isLook && (view.have.present || !isSettled)) noteDrift(run, engine, view, memory);
  if (!isSettled && view.committed) {
    run.notes.push(...engine.disruptions(state, view.committed.state));
  }
  const isRecordBehind = isSettled && memory.record !== undefined &&
    view.have.token !== memory.record.token;
  return { ...view, engine, state, plan, memory, isRecordBehind };
}

function noteDrift(run: Run, engine: Engine, { have, committed }: View, memory: Memory): void {
  const { progress, notes, machine: { version } } = run;
  const mark = markOf(have);
  const own = mark === undefined ? undefined : progress.marks.get(mark);
  if (mark !== undefined && own) {
    progress.marks.set(mark, []);
    progress.changes.push(...own);
    return;
  }
  const { objects, note } = findDrift(engine, have, memory, { committed, version });
  for (const object of objects) progress.drift.add(object);
  if (note) notes.push(note);
}

/** @param parts all that is planned, or what came about of it */
export function changesOf(
  { progress }: Run,
  { tasks, host, queue }: Pick<RunPlan, "tasks" | "host" | "queue">,
): Pick<Outcome, "changed" | "changes" | "sysctls"> {
  // In the order they are carried out, but for the sysctls: what is to come matters most.
  const planned = [
    ...tasks.flatMap(({ plan }) => plan.changes),
    ...queue.changes,
    ...hostChanges(host),
  ];
  const changes = [...progress.changes, ...planned];
  const sysctls = [...progress.sysctls, ...hostSysctls(host)];
  return { changed: changes.length > 0, changes, sysctls };
}

function outcomeOf(
  run: Run,
  parts: Pick<RunPlan, "target" | "tasks" | "host" | "queue">,
  links: Links,
): Outcome {
  const { target, tasks, host, queue } = parts;
  const others = [...hostChanges(host), ...isReload(queue) ? [] : queue.changes];
  return {
    revision: target.revision,
    ...changesOf(run, parts),
    routine: !target.isNew && others.length === 0 && tasks.every(isRoutine),
    services: run.chosen,
    drift: [...run.progress.drift],
    blocked: [...host.blocked, ...obstacles(links), ...queue.blocked],
    warnings: run.request.loaded.warnings.map(describeWarning),
    notes: run.notes,
  };
}

/** The worker is handed other weights, and nothing else is done about it. */
function isReload({ rules, worker, changes }: QueueStage): boolean {
  return rules.length === 0 && (worker === "reload" || changes.length === 0);
}

/** Whether it changes no other services than those whose weights follow load. */
function isRoutine({ engine, state, plan, committed }: EngineTask): boolean {
  if (plan.changes.length === 0) return true;
  const before = new Set(committed?.state.services);
  const byName = new Map(committed?.state.services.map((service) => [service.name, service]));
  const changed = state.services.filter((service) => !before.has(service));
  return changed.length > 0 && state.services.length === before.size &&
    changed.every((service) =>
      isFollowed(engine, service) || isReweighted(byName.get(service.name), service)
    );
}

/** What checks and intents have done to weights is told by those who know of them. */
function isReweighted(before: PlacedService | undefined, now: PlacedService): boolean {
  return before !== undefined && unweighted(before) === unweighted(now);
}

function unweighted(service: PlacedService): string {
  const backends = service.backends.map((
    { effective_weight: _, slow_start: __, intent: ___, isOut: ____, ...rest },
  ) => rest);
  return JSON.stringify({ ...service, backends });
}

function describeWarning({ file, line, column, message }: Diagnostic): string {
  return `${file}:${line}:${column}: ${message}`;
}
