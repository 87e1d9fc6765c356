import { type Committed, type Engine, StalePlanError } from "../engine/engine.ts";
import { InForceError, KernelError, LbError } from "../model/error.ts";
import { withoutReleases } from "../store/ids.ts";
import { NOTHING_LEFT } from "./drift.ts";
import { forgetGone, forgetUnbalanced, freeRetired, goneSince } from "./flows.ts";
import {
  applyStage,
  doneStages,
  hostChanges,
  hostDrift,
  type HostStages,
  hostSysctls,
} from "./host.ts";
import type { Outcome } from "./outcome.ts";
import { changesOf, type EngineTask, type RunPlan } from "./plan.ts";
import { committedOf, recall } from "./memory.ts";
import { inMovingOrder } from "./move.ts";
import {
  beginRevision,
  failRevision,
  recordApplied,
  recordRun,
  recordSettledTask,
  saveCounters,
} from "./record.ts";
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
  const removed = goneSince(run, plan.rows);
  // Ids are on record before the kernel knows them, so that no other backend is ever given one.
  store.backends.save(withoutReleases(store.backends.all(), plan.rows));
  try {
    await applyHostStage(run, "sysctls", plan.host);
    await applyEngines(run, plan);
  } catch (error) {
    if (error instanceof StalePlanError) {
      noteSysctls(run, plan.host);
      throw error;
    }
    if (plan.target.isNew) failRevision(run.machine, plan.target.revision, error);
    throw withWhatStands(error, plan.host);
  }
  try {
    return await finish(run, plan, removed);
  } catch (error) {
    throw new InForceError(error);
  }
}

/** What nobody needs any more. */
const LEFT_STAGES = ["leftAddresses", "leftSysctls", "leftModules"] as const;

/** The rules are in force: whatever else is refused is attention, not failure. */
async function finish(
  run: Run,
  plan: RunPlan,
  removed: ReturnType<typeof goneSince>,
): Promise<Outcome> {
  await orBlocked(run, () => forgetGone(run, removed));
  const isMoved = inMovingOrder(run, plan.tasks).last.length > 0;
  for (const stage of isMoved ? LEFT_STAGES : ["addresses", ...LEFT_STAGES] as const) {
    await orBlocked(run, () => applyHostStage(run, stage, plan.host));
  }
  saveCounters(run, plan);
  const host = doneStages(plan.host, run.done);
  forgetUnrepaired(run, plan.host, host);
  const outcome = {
    ...plan.outcome,
    ...changesOf(run, plan.tasks, host),
    drift: [...run.progress.drift],
    blocked: [...plan.outcome.blocked, ...run.blocked],
  };
  recordRun(run, plan, outcome);
  return outcome;
}

/**
 * A service that moves is on its new engine before it leaves the old one. VIPs come in between: IPVS has
 * packets only for addresses of this machine.
 */
async function applyEngines(run: Run, { tasks, target, host }: RunPlan): Promise<void> {
  const { first, last } = inMovingOrder(run, tasks);
  for (const task of first) await applyEngine(run, task, target.revision);
  if (last.length > 0) await applyHostStage(run, "addresses", host);
  for (const task of last) await applyEngine(run, task, target.revision);
}

async function applyEngine(run: Run, task: EngineTask, revision: number): Promise<void> {
  const { kernel, store, host } = run.machine;
  const { engine, state, plan, want, stamp } = task;
  if (plan.changes.length === 0) return await settleTask(run, task, revision);
  if (want.present) store.commits.useMask(host, state.marks.mask);
  const mark = want.present ? plan.token : NOTHING_LEFT;
  store.commits.announce(engine.name, host, mark, run.now_ms);
  run.progress.marks.set(mark, plan.changes);
  const applied = await engine.apply(kernel, plan, stamp);
  // Before the record: a run that is cut off here is completed by the next one.
  await orBlocked(run, () => forgetUnbalanced(run, state.services));
  await orBlocked(run, () => freeRetired(run, task));
  if (want.present) recordApplied(run, task, applied, revision);
  const after = applied.stamp ?? await checkAfter(run, task);
  run.stamps.set(engine.name, after);
  if (!want.present) store.commits.forget(engine.name, host);
}

/**
 * Somebody else was at the kernel while the plan was carried out, perhaps at lb's own tables.
 *
 * @returns the stamp of a state that is as planned
 */
async function checkAfter(run: Run, { engine, state, plan }: EngineTask): Promise<string> {
  const { machine, progress } = run;
  const { record } = recall(machine, engine.name);
  const committed = record && committedOf(machine, engine, record, state);
  const { have, stamp } = await lookAfter(run, engine, committed);
  const left = engine.plan(engine.desired(state), have, plan.token).changes;
  if (left.length === 0 && (!have.present || have.token === plan.token)) {
    machine.store.commits.stamp(engine.name, machine.host, stamp);
    return stamp;
  }
  for (const { object } of left) progress.drift.add(object);
  const objects = left.map(({ object }) => object).join(", ") || "the mark of this run";
  throw new StalePlanError(engine.name, `somebody else changed ${objects}`, { hasLanded: true });
}

/** A look that never comes to rest is one after a change that has come about. */
async function lookAfter({ machine: { kernel } }: Run, engine: Engine, committed?: Committed) {
  try {
    return await engine.observe(kernel, committed);
  } catch (error) {
    if (!(error instanceof StalePlanError)) throw error;
    throw new StalePlanError(engine.name, error.message, { cause: error, hasLanded: true });
  }
}

/** An earlier run was cut off between its write and its record: what is left of it is done. */
async function settleTask(run: Run, task: EngineTask, revision: number): Promise<void> {
  if (task.isRecordBehind) {
    await orBlocked(run, () => forgetUnbalanced(run, task.state.services));
  }
  recordSettledTask(run, task, revision);
}

/** Sysctls come before what makes a plan stale: they are set by now. */
function noteSysctls({ progress, done }: Run, host: HostStages): void {
  const came = doneStages(host, done);
  progress.changes.push(...hostChanges(came));
  progress.sysctls.push(...hostSysctls(came));
}

/** What is blocked was not put right. */
function forgetUnrepaired({ progress }: Run, planned: HostStages, came: HostStages): void {
  const repaired = new Set(hostDrift(came));
  for (const object of hostDrift(planned)) {
    if (!repaired.has(object)) progress.drift.delete(object);
  }
}

/** What the kernel refuses is told and tried again by the next run. */
async function orBlocked(run: Run, work: () => Promise<void> | void): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
    run.blocked.push(error.message);
  }
}

/**
 * Has the kernel load what the services need. It brings sysctls along, so the rest is planned anew.
 *
 * @returns whether there was anything to load
 */
export async function loadModules(run: Run, { host, target }: RunPlan): Promise<boolean> {
  if (host.modules.length === 0) return false;
  beginRevision(run, target);
  try {
    const { done } = await applyStage(run.machine, "modules", host);
    run.progress.changes.push(...done);
    return true;
  } catch (error) {
    if (target.isNew) failRevision(run.machine, target.revision, error);
    throw error;
  }
}

async function applyHostStage(
  run: Run,
  stage: Parameters<typeof applyStage>[1],
  host: HostStages,
): Promise<void> {
  const done = await applyStage(run.machine, stage, host);
  run.notes.push(...done.notes);
  for (const change of done.done) run.done.add(change);
  run.blocked.push(...done.blocked.map(({ message }) => message));
}

function withWhatStands(error: unknown, host: HostStages): unknown {
  if (!(error instanceof LbError) || hostChanges(host).length === 0) return error;
  const stands = "Sysctls that were set before this stay set; " +
    'the next "lb apply" goes on from here, "lb uninstall" puts them back.';
  return new LbError(error.code, `${error.message}\n${stands}`, { cause: error });
}
