import { LbError } from "../model/error.ts";
import type { FilesPort, FileStat } from "../sys/ports.ts";
import { decodeText } from "./encoding.ts";

/**
 * The text of an `lb.toml`, from a file that nobody else can write.
 *
 * @param options.privileged whether lb runs as root: then nobody else may be able to write the file
 * @throws {ConfigError} where it is not UTF-8
 * @throws {LbError} `config-invalid` where there is no such file, `not-permitted` where it is unsafe
 */
export function readConfig(
  files: FilesPort,
  path: string,
  options: { readonly privileged: boolean },
): string {
  const real = behindLinks(files, path);
  if (!real || real.stat.isDirectory) throw noSuchFile(path);
  if (options.privileged) refuseUnsafe(real.path, real.stat.mode);
  const bytes = read(files, real.path);
  if (!bytes) throw noSuchFile(path);
  return decodeText(bytes, path);
}

function noSuchFile(path: string): LbError {
  return new LbError(
    "config-invalid",
    `no config file at ${path}; \`lb init\` writes a sample there`,
  );
}

/** As many symbolic links as the kernel follows (MAXSYMLINKS in linux/namei.h). */
const LINKS_MAX = 40;

/** The file that a path leads to: a link's own mode says nothing of who can write the file. */
function behindLinks(
  files: FilesPort,
  path: string,
): { readonly path: string; readonly stat: FileStat } | undefined {
  let at = path;
  for (let followed = 0; followed <= LINKS_MAX; followed++) {
    const stat = files.stat(at);
    if (!stat?.isSymlink) return stat && { path: at, stat };
    const next = files.readLink(at);
    if (next === undefined) return undefined;
    at = next.startsWith("/") ? next : at.slice(0, at.lastIndexOf("/") + 1) + next;
  }
  return undefined;
}

function refuseUnsafe(path: string, mode: number): void {
  if ((mode & 0o022) === 0) return;
  const octal = (mode & 0o7777).toString(8).padStart(4, "0");
  const message = `${path} is writable by others than its owner (mode ${octal})`;
  throw new LbError("not-permitted", `${message}, and lb runs as root; run: chmod go-w ${path}`);
}

function read(files: FilesPort, path: string): Uint8Array | undefined {
  try {
    return files.readBytes(path);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    const code = cause instanceof Deno.errors.PermissionDenied ? "not-permitted" : "config-invalid";
    throw new LbError(code, `cannot read ${path}: ${reason}`, { cause });
  }
}
