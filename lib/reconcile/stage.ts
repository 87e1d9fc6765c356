import { KernelError } from "../model/error.ts";
import { applyStage, type HostStages } from "./host.ts";
import type { Run } from "./request.ts";

/** What the kernel refuses is told and tried again by the next run. */
export async function orBlocked(run: Run, work: () => Promise<void> | void): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
    run.blocked.push(error.message);
  }
}

/** Carries out one stage of what is to be done to the host. @throws {KernelError} */
export async function applyHostStage(
  run: Run,
  stage: Parameters<typeof applyStage>[1],
  host: HostStages,
): Promise<void> {
  const done = await applyStage(run.machine, stage, host);
  run.notes.push(...done.notes);
  for (const change of done.done) run.done.add(change);
  run.blocked.push(...done.blocked.map(({ message }) => message));
}
