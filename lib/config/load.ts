import type { Config } from "../model/settings.ts";
import type { FilesPort } from "../sys/ports.ts";
import { byPlace, ConfigError, type Diagnostic, type Place } from "./diagnostic.ts";
import { parseToml, type Table, withoutBom } from "./parse.ts";
import { type Locate, locator } from "./position.ts";
import type { Path, Problem } from "./problem.ts";
import { readConfig } from "./read.ts";
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
 * @param document what the text says, where it has been parsed already
 * @throws {ConfigError} with every problem there is
 */
export async function parseConfig(
  text: string,
  file: string,
  document?: Table,
): Promise<LoadedConfig> {
  const source = withoutBom(text);
  const { config, problems } = validate(document ?? parseToml(source, file));
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
 * @throws {LbError} as {@linkcode readConfig}
 */
export async function loadConfig(
  files: FilesPort,
  path: string,
  options: { readonly privileged: boolean },
): Promise<LoadedConfig> {
  return await parseConfig(readConfig(files, path, options), path);
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
