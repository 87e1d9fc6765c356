import type { AST } from "toml-eslint-parser";
import type { Place } from "./diagnostic.ts";
import type { Path, Problem } from "./problem.ts";
import {
  endOfLine,
  type Header,
  scanHeaders,
  serviceSlices,
  type Slice,
  slicesOf,
} from "./scan.ts";

/** Finds a path's place in the text: of the value, of the key, or of the nearest table that exists. */
export type Locate = (path: Path, at?: Problem["at"]) => Promise<Place>;

/** Offsets into a text. */
export type Range = readonly [start: number, end: number];

/**
 * Finds places in one text. Only the block in question is parsed with positions, and the parser is
 * loaded only now: it takes seconds and a gigabyte for ten thousand services (libraries.md).
 */
export function locator(text: string): Locate {
  let headers: Header[] | undefined;
  let services: Slice[] = [];
  const parsed = new Map<string, AST.TOMLProgram | undefined>();
  return async (path, at = "value") => {
    if (!headers) {
      headers = scanHeaders(text);
      services = serviceSlices(text, headers);
    }
    let best: Found | undefined;
    for (const [slice, inner] of candidates(text, headers, services, path)) {
      const program = await remembered(
        parsed,
        `${slice.start}-${slice.end}`,
        () => parseSlice(text, slice),
      );
      const found = find(text, slice, program, inner, at);
      if (found.depth > (best?.depth ?? -1)) best = found;
    }
    return placeAt(text, best ?? { depth: 0, slice: WHOLE, range: [0, 0] });
  };
}

/**
 * Problems come in the order of services, and clashes name the same other one again and again: a few
 * trees are enough, and all of them would be a gigabyte.
 */
const TREES_MAX = 8;

async function remembered<Key, Value>(
  known: Map<Key, Value>,
  key: Key,
  make: () => Promise<Value>,
): Promise<Value> {
  const value = known.has(key) ? known.get(key) as Value : await make();
  known.delete(key);
  known.set(key, value);
  const [oldest] = known.keys();
  if (known.size > TREES_MAX && oldest !== undefined) known.delete(oldest);
  return value;
}

/** A slice of the text as a tree; undefined where this parser sees no TOML in it. */
export async function parseSlice(
  text: string,
  { start, end }: Slice,
): Promise<AST.TOMLProgram | undefined> {
  const { ParseError, parseTOML } = await import("toml-eslint-parser");
  try {
    return parseTOML(text.slice(start, end), { tomlVersion: "1.1" });
  } catch (error) {
    // Strings of 100,000 characters and more exceed its stack (toml-eslint-parser 1.0.3).
    if (error instanceof ParseError || error instanceof RangeError) return undefined;
    throw error;
  }
}

/** Names of a key's parts. */
export function namesOf(key: AST.TOMLKey): string[] {
  return key.keys.map(nameOf);
}

/** How many parts of a path a slice has, and where the last of them stands in the slice. */
interface Found {
  readonly depth: number;
  readonly slice: Slice;
  readonly range: Range;
}

const WHOLE: Slice = { start: 0, end: 0, lines_before: 0 };

/** Slices that may hold a path, each with the path as it is inside the slice. */
function candidates(
  text: string,
  headers: readonly Header[],
  services: readonly Slice[],
  path: Path,
): (readonly [Slice, Path])[] {
  const [key = "", index, ...rest] = path;
  const service = key === "service" && typeof index === "number" ? services[index] : undefined;
  if (service) return [[service, [key, 0, ...rest]]];
  return slicesOf(text, headers, String(key)).map((slice) => [slice, path]);
}

function headerRange(text: string, { start, end }: Slice): Range {
  const [line = ""] = text.slice(start, end).split(/\r?\n/, 1);
  return [0, line.trimEnd().length];
}

/** Counts lines from the slice on: from the top it would be quadratic for a file full of mistakes. */
function placeAt(text: string, { slice, range }: Found): Place {
  const offset = slice.start + range[0];
  let line = slice.lines_before + 1;
  let start = slice.start;
  for (let end = endOfLine(text, start); end < offset; end = endOfLine(text, start)) {
    line++;
    start = end + 1;
  }
  const source_line = text.slice(start, endOfLine(text, start)).replace(/\r$/, "");
  return { line, column: offset - start + 1, length: range[1] - range[0], source_line };
}

/** A node that stands for a path; `key` is the range of its last key. */
interface Mark {
  readonly path: Path;
  readonly value: Range;
  readonly key?: Range;
}

function find(
  text: string,
  slice: Slice,
  program: AST.TOMLProgram | undefined,
  path: Path,
  at: Problem["at"],
): Found {
  let best: Mark | undefined;
  for (const mark of program ? marksOf(program.body[0].body, []) : []) {
    const longer = mark.path.length > (best?.path.length ?? 0);
    if (longer && mark.path.every((part, index) => part === path[index])) best = mark;
  }
  if (!best) {
    const range = headerRange(text, slice);
    // A table that could not be parsed is at least known to be the one.
    const isTable = text.slice(slice.start, slice.start + range[1]).trimStart().startsWith("[");
    return { depth: isTable && !program ? 1 : 0, slice, range };
  }
  const exact = best.path.length === path.length;
  const range = at === "key" && exact && best.key || best.value;
  return { depth: best.path.length, slice, range };
}

function* marksOf(
  nodes: readonly (AST.TOMLKeyValue | AST.TOMLTable)[],
  base: Path,
): Generator<Mark> {
  for (const node of nodes) {
    if (node.type === "TOMLTable") yield* marksOfTable(node);
    else yield* marksOfKeyValue(node, base);
  }
}

function* marksOfTable(table: AST.TOMLTable): Generator<Mark> {
  const brackets = table.kind === "array" ? 2 : 1;
  const header: Range = [table.range[0], table.key.range[1] + brackets];
  let named = 0;
  for (const [index, part] of table.resolvedKey.entries()) {
    if (typeof part === "string") named++;
    yield {
      path: table.resolvedKey.slice(0, index + 1),
      value: header,
      key: table.key.keys[named - 1]?.range,
    };
  }
  yield* marksOf(table.body, table.resolvedKey);
}

function* marksOfKeyValue({ key, value }: AST.TOMLKeyValue, base: Path): Generator<Mark> {
  const path = [...base];
  for (const part of key.keys.slice(0, -1)) {
    path.push(nameOf(part));
    yield { path: [...path], value: part.range, key: part.range };
  }
  const last = key.keys.at(-1);
  if (!last) return;
  path.push(nameOf(last));
  yield { path, value: value.range, key: last.range };
  yield* marksOfValue(value, path);
}

function* marksOfValue(value: AST.TOMLContentNode, path: Path): Generator<Mark> {
  if (value.type === "TOMLInlineTable") yield* marksOf(value.body, path);
  if (value.type !== "TOMLArray") return;
  for (const [index, element] of value.elements.entries()) {
    yield { path: [...path, index], value: element.range };
    yield* marksOfValue(element, [...path, index]);
  }
}

function nameOf(part: AST.TOMLBare | AST.TOMLQuoted): string {
  return part.type === "TOMLBare" ? part.name : part.value;
}
