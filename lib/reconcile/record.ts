import { JOURNAL_RESOURCES } from "../model/journal.ts";
import { type BackendRow, foldCounter } from "../store/ids.ts";
import type { Outcome } from "./outcome.ts";
import type { EngineTask, RunPlan, Target } from "./plan.ts";
import type { Machine, Run } from "./request.ts";

/** Puts a new revision on record before anything is changed; once per run. */
export function beginRevision({ machine, request, progress, now_ms }: Run, target: Target): void {
  if (!target.isNew || progress.begun !== undefined) return;
  const { who, command, loaded } = request;
  const start = { config_text: loaded.text, who, command, at_ms: now_ms };
  progress.begun = machine.store.revisions.begin(start);
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

/**
 * Adds what the kernel has counted to the totals, which outlive its counters: what it had counted when
 * it was looked at, and what it counts from after a change, which may have made counters anew.
 */
export function saveCounters({ machine, applied }: Run, { tasks, rows }: RunPlan): void {
  const fold = (
    rows: readonly BackendRow[],
    { engine, have }: Pick<EngineTask, "engine" | "have">,
  ) => {
    const totals = engine.totals(have);
    return rows.map((row) => foldCounter(row, totals.get(row.id) ?? null));
  };
  const after = tasks.flatMap(({ engine }) => {
    const have = applied.get(engine.name)?.have;
    return have ? [{ engine, have }] : [];
  });
  machine.store.backends.save([...tasks, ...after].reduce(fold, rows));
}

/** A pass that found everything in order. */
export function recordQuietPass({ machine, now_ms }: Run, { tasks }: RunPlan): void {
  for (const task of tasks) forgetPending(machine, task);
  machine.store.passes.record({ at_ms: now_ms, drift: 0 });
}

/**
 * Where the kernel holds what was committed last, no transaction that was announced since came about:
 * one that is remembered for longer would take the blame for what somebody else does later.
 */
function forgetPending(
  { store }: Machine,
  { engine: { name }, have, committed }: EngineTask,
): void {
  if (!committed || have.token !== committed.token) return;
  const record = store.commits.get(name);
  if (record && store.commits.pending(name).length > 0) store.commits.commit(name, record);
}

/** The revision, if it is a new one, and an event for each thing worth knowing later. */
export function recordRun(run: Run, plan: RunPlan, outcome: Outcome): void {
  const { store, kernel } = run.machine;
  const at_ms = kernel.clock.now_ms();
  const event = (kind: string, message: string) => store.events.add({ at_ms, kind, message });
  store.transaction(() => {
    if (plan.target.isNew) finishRevision(run, plan.target, outcome, at_ms);
    for (const object of outcome.drift) {
      event("drift", `${object} had been changed behind lb's back; put right`);
    }
    for (const { engine, object, detail } of outcome.changes) {
      if (isHostResource(engine)) event(engine, `${object} ${detail}`.trim());
    }
    for (const note of run.notes) event("engine", note);
    store.passes.record({ at_ms, drift: outcome.drift.length });
  });
}

function isHostResource(name: string): boolean {
  return JOURNAL_RESOURCES.some((resource) => resource === name);
}

function finishRevision(run: Run, { revision }: Target, { changes }: Outcome, at_ms: number): void {
  const { store } = run.machine;
  const detail = `${changes.length} ${changes.length === 1 ? "change" : "changes"}`;
  store.revisions.finish(revision, {
    outcome: "applied",
    plan_json: JSON.stringify(changes),
    detail,
    finished_at_ms: at_ms,
  });
  const { who, command } = run.request;
  const message = `revision ${revision} applied by ${who} (${command}): ${detail}`;
  store.events.add({ at_ms, kind: "apply", message });
}
