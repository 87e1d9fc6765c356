import { LbError } from "../model/error.ts";
import type { Config } from "../model/settings.ts";
import type { FilesPort, FileStat } from "../sys/ports.ts";
import { byPlace, ConfigError, type Diagnostic, type Place } from "./diagnostic.ts";
import { decodeText } from "./encoding.ts";
import { parseToml, withoutBom } from "./parse.ts";
import { type Locate, locator } from "./position.ts";
import type { Path, Problem } from "./problem.ts";
import { validate } from "./validate.ts";

/** A config without errors. */
export interface LoadedConfig {
  /** The file's text, as it was read. */
  readonly text: string;
  readonly config: Config;
  readonly warnings: readonly Diagnostic[];
  /** Where a key stands, or the table it would stand in. A service's path begins `["service", INDEX]`. */
  readonly locate: (path: Path) => Promise<Place & { readonly file: string }>;
}

/**
 * Reads the text of an `lb.toml`.
 *
 * @param file its name, for messages only
 * @throws {ConfigError} with every problem there is
 */
export async function parseConfig(text: string, file: string): Promise<LoadedConfig> {
  const source = withoutBom(text);
  const { config, problems } = validate(parseToml(source, file));
  const locate = locator(source);
  const diagnostics: Diagnostic[] = [];
  for (const problem of problems) diagnostics.push(await placed(problem, file, locate));
  diagnostics.sort(byPlace);
  if (!config) throw new ConfigError(diagnostics);
  return {
    text,
    config,
    warnings: diagnostics,
    locate: async (path) => ({ file, ...await locate(path) }),
  };
}

/**
 * Reads an `lb.toml`.
 *
 * @param options.privileged whether lb runs as root: then nobody else may be able to write the file
 * @throws {ConfigError} with every problem there is
 * @throws {LbError} `config-invalid` where there is no such file, `not-permitted` where it is unsafe
 */
export async function loadConfig(
  files: FilesPort,
  path: string,
  options: { readonly privileged: boolean },
): Promise<LoadedConfig> {
  const real = behindLinks(files, path);
  if (!real || real.stat.isDirectory) throw noSuchFile(path);
  if (options.privileged) refuseUnsafe(real.path, real.stat.mode);
  const bytes = read(files, real.path);
  if (!bytes) throw noSuchFile(path);
  return await parseConfig(decodeText(bytes, path), path);
}

async function placed(
  { severity, path, at, message, hint, other }: Problem,
  file: string,
  locate: Locate,
): Promise<Diagnostic> {
  const place = await locate(path, at);
  const first = other ? `; see line ${(await locate(other)).line}` : "";
  return { severity, file, ...place, message: message + first, ...hint !== undefined && { hint } };
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
