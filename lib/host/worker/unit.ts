import { WORKER_UNIT, workerUnit } from "../../kernel/service_manager.ts";
import { LbError } from "../../model/error.ts";
import type { Kernel } from "../../sys/ports.ts";

/** The unit is for this one. */
const RUN_DIR = "/run/lb";

/**
 * Whether the service manager looks after the worker: with the unit installed, the default run folder, and in
 * the machine's own network namespace, which is the one that the unit has.
 */
export function isManaged({ files, runDir }: Pick<Kernel, "files" | "runDir">): boolean {
  return runDir === RUN_DIR && workerUnit(files) !== undefined &&
    files.readLink("/proc/self/ns/net") === files.readLink("/proc/1/ns/net");
}

/** Has the service manager do it. @throws {LbError} `kernel-refused` with what it says */
export async function controlUnit(
  { process }: Pick<Kernel, "process">,
  act: "restart" | "stop",
): Promise<void> {
  const { code, stderr } = await process.run(["systemctl", act, WORKER_UNIT]);
  if (code === 0) return;
  throw new LbError("kernel-refused", `systemctl ${act} ${WORKER_UNIT} failed: ${stderr.trim()}`);
}
