import type { FilesPort } from "../../lib/sys/ports.ts";

/** Behind the config file's name: edits that a rollback took out, and that nothing else has. */
const SUFFIX = ".before-rollback";

/**
 * Where to keep edits that were never applied: the first name behind the config's that is free, or whose
 * text is kept elsewhere too. Edits that an earlier rollback took out stay where they are.
 *
 * @param text the edits
 * @param isOnRecord whether a revision has a text
 * @returns undefined where they need not be kept: `lb history` has what is on record
 */
export function backupPath(
  files: Pick<FilesPort, "read" | "stat">,
  config: string,
  text: string,
  isOnRecord: (text: string) => boolean,
): string | undefined {
  if (isOnRecord(text)) return undefined;
  const isFree = (path: string) => {
    const stat = files.stat(path);
    const kept = stat?.isFile ? files.read(path) : undefined;
    return !stat || kept === text || kept !== undefined && isOnRecord(kept);
  };
  for (let number = 1;; number++) {
    const path = config + SUFFIX + (number === 1 ? "" : `.${number}`);
    if (isFree(path)) return path;
  }
}

/** Every file that {@linkcode backupPath} has named for this config. */
export function backupsOf(files: Pick<FilesPort, "list">, config: string): string[] {
  const end = config.lastIndexOf("/");
  const folder = end < 0 ? "." : config.slice(0, end);
  const start = config.slice(end + 1) + SUFFIX;
  return files.list(folder)
    .filter((name) => name.startsWith(start) && /^(\.\d+)?$/.test(name.slice(start.length)))
    .map((name) => `${folder}/${name}`);
}
