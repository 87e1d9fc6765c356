import type { FilesPort } from "../../sys/ports.ts";
import { folderOf, isSingleKey, keyFor, pathOf } from "./key.ts";
import type { Rule } from "./rules.ts";

/** What sysctls ask of the files port. */
export type SysctlFiles = Pick<FilesPort, "read" | "write" | "list">;

/** Values by key; what does not exist is missing. */
export type SysctlValues = ReadonlyMap<string, string>;

/** The value of a key. @returns undefined where there is no such key */
export function readSysctl(files: SysctlFiles, key: string): string | undefined {
  return files.read(pathOf(key))?.trim();
}

/** Reads what the rules may change, what the kernel would move along, and some `more` keys. */
export function observeSysctls(
  files: SysctlFiles,
  rules: readonly Rule[],
  more: readonly string[] = [],
): SysctlValues {
  const patterns = rules.flatMap(({ key, companions = [] }) => [
    key,
    ...companions.map((companion) => companion.key),
  ]);
  const keys = new Set([...patterns.flatMap((pattern) => expand(files, pattern)), ...more]);
  const values = new Map<string, string>();
  for (const key of keys) {
    const value = readSysctl(files, key);
    if (value !== undefined) values.set(key, value);
  }
  return values;
}

function expand(files: SysctlFiles, pattern: string): string[] {
  if (isSingleKey(pattern)) return [pattern];
  return files.list(folderOf(pattern)).map((name) => keyFor(pattern, name));
}
