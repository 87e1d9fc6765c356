import { LbError } from "../../model/error.ts";
import type { Kernel } from "../../sys/ports.ts";

/** templates/lb-queue.service, which install.sh puts there. */
const UNIT = "lb-queue.service";
const UNIT_FOLDERS = [
  "/etc/systemd/system",
  "/usr/local/lib/systemd/system",
  "/lib/systemd/system",
];

/** The unit is for this one. */
const RUN_DIR = "/run/lb";

/** There while systemd is the service manager (sd_booted(3)). */
const SYSTEMD = "/run/systemd/system";

/**
 * Whether the service manager looks after the worker: with the unit installed, the default run folder, and in
 * the machine's own network namespace, which is the one that the unit has.
 */
export function isManaged({ files, runDir }: Pick<Kernel, "files" | "runDir">): boolean {
  return runDir === RUN_DIR && files.stat(SYSTEMD) !== undefined &&
    UNIT_FOLDERS.some((folder) => files.stat(`${folder}/${UNIT}`)) &&
    files.readLink("/proc/self/ns/net") === files.readLink("/proc/1/ns/net");
}

/** Has the service manager do it. @throws {LbError} `kernel-refused` with what it says */
export async function controlUnit(
  { process }: Pick<Kernel, "process">,
  act: "restart" | "stop",
): Promise<void> {
  const { code, stderr } = await process.run(["systemctl", act, UNIT]);
  if (code === 0) return;
  throw new LbError("kernel-refused", `systemctl ${act} ${UNIT} failed: ${stderr.trim()}`);
}
