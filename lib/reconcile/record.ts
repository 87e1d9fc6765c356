import type { Applied } from "../engine/engine.ts";
import { lasting } from "../health/drain.ts";
import type { IntentRow } from "../model/intent.ts";
import { JOURNAL_RESOURCES } from "../model/journal.ts";
import { plural } from "../model/plural.ts";
import { fullName } from "../model/service.ts";
import { type BackendRow, foldCounter } from "../store/ids.ts";
import type { Store } from "../store/store.ts";
import { stateChange } from "./memory.ts";
import { driftWords, type Outcome } from "./outcome.ts";
import type { EngineTask, RunPlan, Target } from "./plan.ts";
import type { Machine, Run } from "./request.ts";
import type { Chosen } from "./selection.ts";

/** Puts a new revision on record before anything is changed; once per run. */
export function beginRevision({ machine, request, progress, now_ms }: Run, target: Target): void {
  if (!target.isNew || progress.begun !== undefined) return;
  const { who, command, loaded, confirm_ms } = request;
  const start = { config_text: loaded.text, who, command, at_ms: now_ms };
  const { store } = machine;
  progress.begun = store.transaction(() => {
    const back_to = backTo(store);
    const revision = store.revisions.begin(start);
    if (confirm_ms !== undefined) {
      const trial = { revision, back_to, since_ms: now_ms, until_ms: now_ms + confirm_ms };
      store.trials.begin(trial, intentsBefore(store));
    }
    return revision;
  });
}

/** What is on trial already goes back with what is tried on top of it. */
function backTo({ trials, revisions }: Store): number | null {
  const open = trials.open();
  return open ? open.back_to : revisions.current() ?? null;
}

/** What was wanted of backends before a trial, also of those that an open one has not. */
export function intentsBefore({ trials, intents }: Store): readonly IntentRow[] {
  const now = intents.all();
  const open = trials.open();
  if (!open) return now;
  const known = new Set(now.map(({ service, backend }) => fullName(service, backend)));
  const gone = trials.intents(open.revision)
    .filter(({ service, backend }) => !known.has(fullName(service, backend)));
  return [...now, ...gone];
}

/** Puts on record that a revision did not come about. */
export function failRevision({ store, kernel }: Machine, revision: number, error: unknown): void {
  store.revisions.finish(revision, {
    outcome: "failed",
    plan_json: "[]",
    detail: error instanceof Error ? error.message : String(error),
    finished_at_ms: kernel.clock.now_ms(),
  });
}

/** Puts on record what a plan has written. */
export function recordApplied(
  { machine: { store, host, version } }: Run,
  { engine, state, plan: { token }, committed }: EngineTask,
  { stamp, objects, isWhole }: Applied,
  revision: number,
): void {
  const { frame_json, services } = stateChange(state, committed);
  const record = { token, stamp: stamp ?? null, revision, lb_version: version, frame_json };
  store.commits.commit(engine.name, host, record, { services, objects, isWhole });
}

/** Puts on record what the kernel was found to hold: the wanted state, with nothing left to write. */
export function recordSettledTask({ machine }: Run, task: EngineTask, revision: number): void {
  const { store, host, version } = machine;
  const { engine: { name }, state, have, stamp, committed, memory: { record, pending } } = task;
  if (!record) return;
  if (have.token === undefined) return store.commits.forget(name, host);
  const { frame_json, services } = stateChange(state, committed);
  const isSame = record.token === have.token && record.stamp === stamp &&
    record.lb_version === version && record.frame_json === frame_json && services.size === 0;
  // What was announced and is not there never came about: remembered for longer, it would take the blame
  // for what somebody else does later.
  if (isSame) return pending.length > 0 ? store.commits.settle(name, host) : undefined;
  const now = { token: have.token, stamp, revision, lb_version: version, frame_json };
  store.commits.commit(name, host, now, { services, objects: new Map(), isWhole: false });
}

/**
 * Adds what the kernel has counted to the totals, which outlive its counters: what it had counted when
 * it was looked at, and what it counts from after a change that made counters anew.
 */
export function saveCounters({ machine, stamps }: Run, { tasks, rows }: RunPlan): void {
  const counted = tasks.flatMap(({ engine, have, isLook }) => isLook ? [engine.totals(have)] : []);
  const begun = tasks.flatMap(({ engine, plan }) => stamps.has(engine.name) ? [plan.counters] : []);
  machine.store.backends.save([...counted, ...begun].reduce(fold, rows));
}

function fold(
  rows: readonly BackendRow[],
  raw: ReadonlyMap<number, number>,
): readonly BackendRow[] {
  return raw.size === 0 ? rows : rows.map((row) => foldCounter(row, raw.get(row.id) ?? null));
}

/** A pass that found everything in order. */
export function recordQuietPass(run: Run, { tasks, target }: RunPlan): void {
  for (const task of tasks) recordSettledTask(run, task, target.revision);
  run.machine.store.passes.record({ at_ms: run.now_ms, drift: 0 });
}

/** The revision, if it is a new one, and an event for each thing worth knowing later. */
export function recordRun(run: Run, plan: RunPlan, outcome: Outcome): void {
  const { store, kernel } = run.machine;
  const at_ms = kernel.clock.now_ms();
  const event = (kind: string, message: string) => store.events.add({ at_ms, kind, message });
  store.transaction(() => {
    if (plan.target.isNew) finishRevision(run, plan.target, outcome, at_ms);
    store.revisions.keepEngines(plan.target.revision, enginesText(run.chosen));
    for (const object of outcome.drift) {
      event("drift", driftWords(object, outcome.changes));
    }
    for (const { engine, object, detail } of outcome.changes) {
      if (isHostResource(engine)) event(engine, `${object} ${detail}`.trim());
    }
    for (const note of run.notes) event("engine", note);
    store.passes.record({ at_ms, drift: outcome.drift.length });
  });
}

function enginesText(chosen: readonly Chosen[]): string {
  return JSON.stringify(Object.fromEntries(chosen.map(({ name, engine }) => [name, engine])));
}

function isHostResource(name: string): boolean {
  return JOURNAL_RESOURCES.some((resource) => resource === name);
}

function finishRevision(run: Run, { revision }: Target, { changes }: Outcome, at_ms: number): void {
  const { store } = run.machine;
  const detail = plural(changes.length, "change");
  store.revisions.finish(revision, {
    outcome: "applied",
    plan_json: JSON.stringify(changes),
    detail,
    finished_at_ms: at_ms,
  });
  const { who, command, reverts } = run.request;
  if (reverts !== undefined) store.revisions.markReverted(reverts, at_ms);
  const message = `revision ${revision} applied by ${who} (${command}): ${detail}`;
  store.events.add({ at_ms, kind: "apply", message });
  forgetGone(run, at_ms);
}

/** What is wanted of a backend goes with it, at once: one that comes back is another one. */
function forgetGone({ machine: { store }, request }: Run, at_ms: number): void {
  const known = store.intents.all();
  if (known.length === 0) return;
  const kept = new Set(lasting(known, request.loaded.config.services, at_ms));
  store.intents.forget(known.filter((row) => !kept.has(row)));
}
