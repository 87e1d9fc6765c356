import type { FilesPort, FileStat } from "../sys/ports.ts";

const WRITABLE_BY_OTHERS = 0o022;
const STICKY = 0o1000;
const ROOT = 0;

/** As many symbolic links as the kernel follows (MAXSYMLINKS in linux/namei.h). */
const LINKS_MAX = 40;

/**
 * Why somebody else than root could have a say in what is in a file: by the file, by a folder on the way to
 * it, or by a symbolic link. As root, lb runs what is in there.
 *
 * @returns undefined where nobody could
 */
export function whyUnsafe(
  files: Pick<FilesPort, "stat" | "readLink">,
  path: string,
): string | undefined {
  let waiting = path.split("/");
  let at = "";
  for (let links = 0; waiting.length > 0;) {
    const [name = "", ...rest] = waiting;
    waiting = rest;
    // A name can lead out of the folder again, and "/" is one to look at.
    const next = name === "" || name === "." ? at : name === ".." ? parentOf(at) : `${at}/${name}`;
    const stat = files.stat(next || "/");
    if (!stat) return `${path} does not exist`;
    if (stat.uid !== ROOT) return `${next} belongs to user ${stat.uid}, not to root`;
    if (stat.isSymlink) {
      if (++links > LINKS_MAX) return `${path} has too many symbolic links`;
      const target = files.readLink(next) ?? "";
      waiting = [...target.split("/"), ...waiting];
      at = target.startsWith("/") ? "" : at;
      continue;
    }
    const why = whyWritable(next || "/", stat);
    if (why !== undefined) return why;
    if (waiting.length === 0) return stat.isFile ? undefined : `${path} is no plain file`;
    at = next;
  }
  return `${path} is no plain file`;
}

/** In a sticky folder, such as /tmp, only the owner of a file can put another one in its place. */
function whyWritable(path: string, { mode, isDirectory }: FileStat): string | undefined {
  if ((mode & WRITABLE_BY_OTHERS) === 0) return undefined;
  if (isDirectory && (mode & STICKY) !== 0) return undefined;
  const octal = (mode & 0o7777).toString(8).padStart(4, "0");
  return `${path} is writable by others than root (mode ${octal})`;
}

function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/"));
}
