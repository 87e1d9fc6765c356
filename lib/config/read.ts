import { LbError } from "../model/error.ts";
import type { FilesPort, FileStat } from "../sys/ports.ts";
import { decodeText } from "./encoding.ts";

/** Ten thousand services take 5 MB. What is far beyond that is some other file. */
const SIZE_BYTES_MAX = 32 * 1024 * 1024;

/**
 * The text of an `lb.toml`, from a file that nobody else can write.
 *
 * @param options.privileged whether lb runs as root: then nobody else may be able to write the file
 * @throws {ConfigError} where it is not UTF-8
 * @throws {LbError} `config-invalid` where there is no such file, or something else in its place,
 * `not-permitted` where it is unsafe
 */
export function readConfig(
  files: FilesPort,
  path: string,
  options: { readonly privileged: boolean },
): string {
  const real = behindLinks(files, path);
  if (!real) throw noSuchFile(path);
  refuseOther(real.path, real.stat);
  if (options.privileged) refuseUnsafe(real.path, real.stat.mode);
  const bytes = read(files, real.path);
  if (!bytes) throw noSuchFile(path);
  return decodeText(bytes, path);
}

/**
 * What is in the file, whatever that is and whoever can write it: for comparing, not for acting on it.
 *
 * @returns undefined where there is no such file
 * @throws {LbError} `config-invalid` where something else is in its place, `not-permitted`
 */
export function peekConfig(files: FilesPort, path: string): string | undefined {
  const real = behindLinks(files, path);
  if (!real) return undefined;
  refuseOther(real.path, real.stat);
  const bytes = read(files, real.path);
  return bytes && new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
}

/** A pipe or a device may never come to an end. */
function refuseOther(path: string, { isFile, isDirectory, size_bytes }: FileStat): void {
  const advice = "write the config to a plain file, and name that with --config or $LB_CONFIG";
  if (!isFile) {
    const kind = isDirectory ? "a folder" : "a pipe, socket or device";
    throw new LbError("config-invalid", `${path} is ${kind} and no plain file: ${advice}`);
  }
  if (size_bytes <= SIZE_BYTES_MAX) return;
  const [size_mb, max_mb] = [size_bytes, SIZE_BYTES_MAX].map((bytes) =>
    Math.round(bytes / 2 ** 20)
  );
  throw new LbError(
    "config-invalid",
    `${path} has ${size_mb} MB, and lb reads at most ${max_mb} MB of config: is it the right file?`,
  );
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
