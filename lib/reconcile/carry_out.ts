import { StalePlanError } from "../engine/engine.ts";
import { InForceError, LbError } from "../model/error.ts";
import { withoutReleases } from "../store/ids.ts";
import { applyEngines } from "./apply_engines.ts";
import { forgetFallen, forgetGone, goneSince } from "./flows.ts";
import {
  applyStage,
  doneStages,
  hostChanges,
  hostDrift,
  type HostStages,
  hostSysctls,
} from "./host.ts";
import type { Outcome } from "./outcome.ts";
import { changesOf, type RunPlan } from "./plan.ts";
import { inMovingOrder } from "./move.ts";
import { applyQueue, doneQueue } from "./queue.ts";
import { beginRevision, failRevision, recordRun, saveCounters } from "./record.ts";
import type { Run } from "./request.ts";
import { applyHostStage, orBlocked } from "./stage.ts";

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
  await orBlocked(run, () => forgetFallen(run, plan));
  const isMoved = inMovingOrder(run, plan.tasks).last.length > 0;
  for (const stage of isMoved ? LEFT_STAGES : ["addresses", ...LEFT_STAGES] as const) {
    await orBlocked(run, () => applyHostStage(run, stage, plan.host));
  }
  await applyQueue(run, plan.queue);
  saveCounters(run, plan);
  const host = doneStages(plan.host, run.done);
  forgetUnrepaired(run, plan.host, host);
  const queue = doneQueue(plan.queue, run.done);
  if (queue.changes.length === 0) plan.queue.drift.forEach((one) => run.progress.drift.delete(one));
  const outcome = {
    ...plan.outcome,
    ...changesOf(run, { ...plan, host, queue }),
    drift: [...run.progress.drift],
    blocked: [...plan.outcome.blocked, ...run.blocked],
  };
  recordRun(run, plan, outcome);
  return outcome;
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

function withWhatStands(error: unknown, host: HostStages): unknown {
  if (!(error instanceof LbError) || hostChanges(host).length === 0) return error;
  const stands = "Sysctls that were set before this stay set; " +
    'the next "lb apply" goes on from here, "lb uninstall" puts them back.';
  return new LbError(error.code, `${error.message}\n${stands}`, { cause: error });
}
