import { StalePlanError } from "../engine/engine.ts";
import { flushUdp } from "../host/conntrack/flush.ts";
import { LbError } from "../model/error.ts";
import type { BackendRow } from "../store/ids.ts";
import { applyStage, hostChanges, type HostStages } from "./host.ts";
import type { Outcome } from "./outcome.ts";
import type { EngineTask, RunPlan } from "./plan.ts";
import { beginRevision, failRevision, recordRun, saveCounters } from "./record.ts";
import type { Run } from "./request.ts";

/**
 * Carries a plan out, stage by stage, and puts it on record.
 *
 * @throws {StalePlanError} where the kernel is no longer what was planned against
 * @throws {KernelError} where the kernel refuses, with what still stands
 */
export async function carryOut(run: Run, plan: RunPlan): Promise<Outcome> {
  const { store } = run.machine;
  beginRevision(run, plan.target);
  const removed = releasedIds(store.backends.all(), plan.rows);
  // Ids are on record before the kernel knows them, so that no other backend is ever given one.
  store.backends.save(plan.rows);
  try {
    await applyHostStage(run, "sysctls", plan.host);
    for (const task of plan.tasks) await applyEngine(run, task, plan.target.revision);
    flushFlows(run, removed);
    await applyHostStage(run, "addresses", plan.host);
    await applyHostStage(run, "leftAddresses", plan.host);
    await applyHostStage(run, "leftSysctls", plan.host);
  } catch (error) {
    if (error instanceof StalePlanError) throw error;
    if (plan.target.isNew) failRevision(run.machine, plan.target.revision, error);
    throw withWhatStands(error, plan.host);
  }
  await saveCounters(run, plan);
  const outcome = {
    ...plan.outcome,
    drift: [...run.progress.drift],
    blocked: [...plan.outcome.blocked, ...run.blocked],
  };
  recordRun(run, plan, outcome);
  return outcome;
}

async function applyEngine(run: Run, task: EngineTask, revision: number): Promise<void> {
  const { kernel, store, host } = run.machine;
  const { engine, plan, state, committed } = task;
  if (plan.changes.length === 0) return;
  store.commits.announce(engine.name, plan.token, run.now_ms);
  run.progress.tokens.add(plan.token);
  const applied = await engine.apply(kernel, plan, committed);
  if (!applied.have.present) return store.commits.forget(engine.name);
  const record = { ...applied.committed, ...host, revision, generation: null };
  store.commits.commit(engine.name, record);
  const left = engine.plan(engine.desired(state), applied.have, plan.token).changes;
  if (left.length === 0) return;
  for (const { object } of left) run.progress.drift.add(object);
  throw new StalePlanError(`somebody else changed ${left.map(({ object }) => object).join(", ")}`);
}

async function applyHostStage(
  run: Run,
  stage: Parameters<typeof applyStage>[1],
  host: HostStages,
): Promise<void> {
  const done = await applyStage(run.machine, stage, host);
  run.notes.push(...done.notes);
  run.blocked.push(...done.blocked.map(({ message }) => message));
}

function flushFlows(run: Run, removed: ReadonlySet<number>): void {
  const count = flushUdp(run.machine.kernel.sockets, run.request.loaded.config.marks, removed);
  if (count > 0) run.notes.push(`forgot ${count} udp flows of removed backends`);
}

/** Ids of backends that are configured no more. */
function releasedIds(before: readonly BackendRow[], after: readonly BackendRow[]): Set<number> {
  const live = new Set(liveIds(after));
  return new Set(liveIds(before).filter((id) => !live.has(id)));
}

function liveIds(rows: readonly BackendRow[]): number[] {
  return rows.filter((row) => row.released_at_ms === null).map(({ id }) => id);
}

function withWhatStands(error: unknown, host: HostStages): unknown {
  if (!(error instanceof LbError) || hostChanges(host).length === 0) return error;
  const stands = "Sysctls and addresses that were set before this stay set; " +
    'the next "lb apply" goes on from here, "lb uninstall" puts them back.';
  return new LbError(error.code, `${error.message}\n${stands}`, { cause: error });
}
