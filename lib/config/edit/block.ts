import type { AST } from "toml-eslint-parser";
import { namesOf, parseSlice, type Range } from "../position.ts";
import { endOfLine, type Slice, startOfLine } from "../scan.ts";

/** One `[[service]]` with its sub-tables, as text and as a tree. */
export interface Block {
  /** The whole file: what stands around a block decides how it is edited. */
  readonly text: string;
  readonly nodes: readonly (AST.TOMLKeyValue | AST.TOMLTable)[];
  /** Where a node stands in the whole text. */
  readonly rangeOf: (node: AST.TOMLNode) => Range;
}

/** Part of a text and what comes in its place. */
export interface Splice {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** Tables of one backend, its own `[[service.backend]]` first, in the order of the file. */
export type BackendTables = readonly [AST.TOMLTable, ...AST.TOMLTable[]];

/** The block of a service; undefined where the parser with positions sees no TOML in it. */
export async function blockAt(text: string, slice: Slice): Promise<Block | undefined> {
  const program = await parseSlice(text, slice);
  return program && {
    text,
    nodes: program.body[0].body,
    rangeOf: ({ range }) => [range[0] + slice.start, range[1] + slice.start],
  };
}

/** The tables of the service itself: `[[service]]`, `[service.health]`, its backends. */
export function serviceTables({ nodes }: Block): AST.TOMLTable[] {
  return nodes.filter((node) => node.type === "TOMLTable")
    .filter(({ resolvedKey }) => resolvedKey[0] === "service");
}

/** Backends written as `[[service.backend]]`, by their place in the list. */
export function backendTables(block: Block): BackendTables[] {
  const tables = serviceTables(block).filter(({ resolvedKey: [, , key] }) => key === "backend");
  const groups = Map.groupBy(tables, ({ resolvedKey }) => resolvedKey[3]);
  return [...groups.values()].flatMap(([head, ...rest]): BackendTables[] => {
    return head?.kind === "array" && head.resolvedKey.length === 4 ? [[head, ...rest]] : [];
  });
}

/** The value of `backend = […]`, if the service's backends are written so. */
export function backendArray(block: Block): AST.TOMLArray | undefined {
  const service = serviceTables(block).find(({ resolvedKey }) => resolvedKey.length === 2);
  const value = service && keyValue(service, "backend")?.value;
  return value?.type === "TOMLArray" ? value : undefined;
}

/** A key of a table, written plainly. */
export function keyValue(
  { body }: AST.TOMLTable | AST.TOMLInlineTable,
  name: string,
): AST.TOMLKeyValue | undefined {
  return body.find(({ key }) => key.keys.length === 1 && namesOf(key)[0] === name);
}

/** Applies splices that do not overlap; of several at one place, in their order. */
export function applySplices(text: string, splices: readonly Splice[]): string {
  return splices.toReversed().sort((a, b) => b.start - a.start).reduce(
    (rest, { start, end, text }) => rest.slice(0, start) + text + rest.slice(end),
    text,
  );
}

/** The line ending of a file: that of its first line. */
export function lineEnding(text: string): "\n" | "\r\n" {
  return text[text.indexOf("\n") - 1] === "\r" ? "\r\n" : "\n";
}

/** What stands before an offset in its line. */
export function indentAt(text: string, at: number): string {
  return text.slice(startOfLine(text, at), at);
}

/** Offset of the end of a line's text, before its line ending. */
export function endOfText(text: string, at: number): number {
  const end = endOfLine(text, at);
  return end > at && text[end - 1] === "\r" ? end - 1 : end;
}

/** Offset of the next line's first character. */
export function nextLine(text: string, at: number): number {
  return Math.min(text.length, endOfLine(text, at) + 1);
}

/** The first of the lines directly above an offset that all match. */
export function linesAbove(text: string, at: number, pattern: RegExp): number {
  let start = startOfLine(text, at);
  while (start > 0) {
    const above = startOfLine(text, start - 1);
    if (!pattern.test(text.slice(above, start).trimEnd())) break;
    start = above;
  }
  return start;
}

/** A line that holds nothing but a comment. */
export const COMMENT_LINE = /^[ \t]*#/;

/** A line that holds nothing. */
export const BLANK_LINE = /^[ \t]*$/;
