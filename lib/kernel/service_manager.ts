import type { FilesPort } from "../sys/ports.ts";

/** templates/lb-queue.service, which install.sh puts there. */
export const WORKER_UNIT = "lb-queue.service";

const UNIT_FOLDERS = [
  "/etc/systemd/system",
  "/usr/local/lib/systemd/system",
  "/lib/systemd/system",
];

/** There while systemd is the service manager (sd_booted(3)). */
const SYSTEMD = "/run/systemd/system";

/** Where the worker's unit is, where systemd would look after it; undefined where it would not. */
export function workerUnit(files: Pick<FilesPort, "stat">): string | undefined {
  if (files.stat(SYSTEMD) === undefined) return undefined;
  return UNIT_FOLDERS.map((folder) => `${folder}/${WORKER_UNIT}`).find((path) => files.stat(path));
}
