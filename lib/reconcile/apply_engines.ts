import { type Committed, type Engine, StalePlanError } from "../engine/engine.ts";
import { LbError } from "../model/error.ts";
import { NOTHING_LEFT } from "./drift.ts";
import { forgetUnbalanced, freeRetired } from "./flows.ts";
import { committedOf, recall } from "./memory.ts";
import { inMovingOrder } from "./move.ts";
import type { EngineTask, RunPlan } from "./plan.ts";
import { recordApplied, recordSettledTask } from "./record.ts";
import type { Run } from "./request.ts";
import { applyHostStage, orBlocked } from "./stage.ts";
import { newToken } from "./token.ts";

/**
 * Brings all engines to what is planned, or leaves all of them as they were. A service that moves is on its new
 * engine before it leaves the old one. VIPs come in between: IPVS has packets only for addresses of this
 * machine.
 *
 * @throws {StalePlanError} where the kernel is no longer what was planned against
 * @throws {KernelError} where the kernel refuses
 * @throws {LbError} the same, with what could not be put back
 */
export async function applyEngines(run: Run, { tasks, target, host }: RunPlan): Promise<void> {
  const { first, last } = inMovingOrder(run, tasks);
  const done: EngineTask[] = [];
  try {
    for (const task of first) done.push(await applyEngine(run, task, target.revision));
    if (last.length > 0) await applyHostStage(run, "addresses", host);
    for (const task of last) done.push(await applyEngine(run, task, target.revision));
  } catch (error) {
    if (error instanceof StalePlanError) throw error;
    throw await takenBack(run, done.filter(({ plan }) => plan.changes.length > 0).reverse(), error);
  }
}

/** Puts engines back to what they held before, since another refuses its part. @returns the error to be told */
async function takenBack(run: Run, tasks: readonly EngineTask[], error: unknown): Promise<unknown> {
  const told: string[] = [];
  for (const task of tasks) {
    const { name } = task.engine;
    try {
      await applyEngine(run, await wayBack(run, task), task.memory.record?.revision ?? 0);
      told.push(`${name}: its rules are put back to what they were.`);
    } catch (failure) {
      const why = failure instanceof Error ? failure.message : String(failure);
      told.push(`${name}: the new rules are in force, for they could not be put back: ${why}`);
    }
  }
  if (told.length === 0 || !(error instanceof LbError)) return error;
  return new LbError(error.code, [error.message, ...told].join("\n"), { cause: error });
}

/** From what an engine holds now to what was on record before this run. */
async function wayBack({ machine }: Run, task: EngineTask): Promise<EngineTask> {
  const { engine, state: wanted, memory: { record } } = task;
  const state = task.committed?.state ?? { ...wanted, services: [] };
  const memory = recall(machine, engine.name);
  const committed = memory.record && committedOf(machine, engine, memory.record, state);
  const { have, stamp } = await engine.observe(machine.kernel, committed);
  const want = engine.desired(state);
  const plan = engine.plan(want, have, newToken(record?.revision ?? 0));
  return { ...task, state, want, have, stamp, committed, isLook: true, memory, plan };
}

/** @returns the task, once it is carried out and on record */
async function applyEngine(run: Run, task: EngineTask, revision: number): Promise<EngineTask> {
  const { kernel, store, host } = run.machine;
  const { engine, state, plan, want, stamp } = task;
  if (plan.changes.length === 0) {
    await settleTask(run, task, revision);
    return task;
  }
  if (want.present) store.commits.useMask(host, state.marks.mask);
  const mark = want.present ? plan.token : NOTHING_LEFT;
  store.commits.announce(engine.name, host, mark, run.now_ms);
  run.progress.marks.set(mark, plan.changes);
  const applied = await engine.apply(kernel, plan, stamp);
  // Before the record: a run that is cut off here is completed by the next one.
  await orBlocked(run, () => forgetUnbalanced(run, task));
  await orBlocked(run, () => freeRetired(run, task));
  if (want.present) recordApplied(run, task, applied, revision);
  const after = applied.stamp ?? await checkAfter(run, task);
  run.stamps.set(engine.name, after);
  if (!want.present) store.commits.forget(engine.name, host);
  return task;
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
    await orBlocked(run, () => forgetUnbalanced(run, task));
  }
  recordSettledTask(run, task, revision);
}
