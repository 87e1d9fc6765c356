import { dirname, join } from "node:path/posix";

/** One file of the repository. `path` is relative to its root: `lib/model/service.ts`. */
export interface Source {
  readonly path: string;
  readonly text: string;
}

const STRING = /"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`/.source;
const COMMENT = /\/\/[^\n]*|\/\*[\s\S]*?\*\//.source;
const TOKEN = new RegExp(`(${STRING})|${COMMENT}`, "g");
const IMPORT = /\b(?:from|import)\s*\(?\s*["']([^"']+)["']/g;
const MODULE_PATH = /["'`](\.{1,2}\/[^"'`\s]+\.ts)["'`]/g;

/** The text without comments, lines kept. */
export function withoutComments(text: string): string {
  return text.replaceAll(TOKEN, (token, string) => string ?? blank(token));
}

/** The text without comments and with every string empty. */
export function codeOnly(text: string): string {
  return text.replaceAll(TOKEN, (token, string) => string ? '""' : blank(token));
}

/** The files of the repository that this one imports, also lazily and for types only. */
export function imports(source: Source): string[] {
  const matches = withoutComments(source.text).matchAll(IMPORT);
  return resolve(source, Array.from(matches, ([, name]) => name ?? ""));
}

/** The files this one imports or names: a worker or a program to start is named, not imported. */
export function mentions(source: Source): string[] {
  const matches = withoutComments(source.text).matchAll(MODULE_PATH);
  return resolve(source, Array.from(matches, ([, name]) => name ?? ""));
}

function resolve(source: Source, names: readonly string[]): string[] {
  return names.filter((name) => name.startsWith(".")).map((name) =>
    join(dirname(source.path), name)
  );
}

function blank(text: string): string {
  return text.replaceAll(/[^\n]/g, " ");
}
