import type { AST } from "toml-eslint-parser";
import {
  type BackendTables,
  BLANK_LINE,
  type Block,
  COMMENT_LINE,
  endOfText,
  indentAt,
  keyValue,
  lineEnding,
  linesAbove,
  nextLine,
  serviceTables,
  type Splice,
} from "./block.ts";
import { startOfLine } from "../scan.ts";

/** A key and its value in TOML. */
export type Assignment = readonly [key: string, value: string];

/** Sets a key of a `[[service.backend]]`, in place or on a new line below its address. */
export function setInTable(
  block: Block,
  [head]: BackendTables,
  [key, value]: Assignment,
): Splice[] {
  const present = keyValue(head, key);
  if (present) {
    const [start, end] = block.rangeOf(present.value);
    return [{ start, end, text: value }];
  }
  const address = keyValue(head, "address");
  if (!address) return [];
  const [start, end] = block.rangeOf(address);
  const line = `${indentAt(block.text, start)}${spelling(block, head)(key, value)}`;
  const at = endOfText(block.text, end);
  return [{ start: at, end: at, text: lineEnding(block.text) + line }];
}

/** Appends a `[[service.backend]]` in the layout of the last one. */
export function addTable(
  block: Block,
  last: BackendTables | undefined,
  keys: readonly Assignment[],
): Splice[] {
  const tables = serviceTables(block);
  const model = last?.[0] ?? tables[0];
  const tail = last?.at(-1) ?? tables.at(-1);
  if (!model || !tail) return [];
  const { text, rangeOf } = block;
  const at = endOfTable(block, tail);
  const [head] = rangeOf(model);
  const indent = indentAt(text, head);
  const inner = model.body[0] ? indentAt(text, rangeOf(model.body[0])[0]) : indent;
  const spell = last ? spelling(block, model) : plain;
  // Directly below a comment it would take the comment for its own.
  const belowComment = COMMENT_LINE.test(text.slice(startOfLine(text, at), at));
  const blanks = Math.max(last ? blanksAbove(text, head) : 1, belowComment ? 1 : 0);
  const lines = [
    ...Array.from({ length: blanks }, () => ""),
    `${indent}[[service.backend]]`,
    ...keys.map(([key, value]) => `${inner}${spell(key, value)}`),
  ];
  return [{ start: at, end: at, text: lines.map((line) => lineEnding(text) + line).join("") }];
}

/** Deletes a `[[service.backend]]`, its sub-tables and the comments directly above. */
export function removeTables(block: Block, tables: BackendTables): Splice[] {
  const order = tables.map((table) => block.nodes.indexOf(table));
  const together = order.every((place, index) => place === (order[0] ?? 0) + index);
  const first = tables[0];
  const runs: (readonly [AST.TOMLTable, AST.TOMLTable])[] = together
    ? [[first, tables.at(-1) ?? first]]
    : tables.map((table) => [table, table]);
  return runs.map(([from, to]) => removeLines(block, from, to));
}

function removeLines({ text, rangeOf }: Block, from: AST.TOMLTable, to: AST.TOMLTable): Splice {
  const head = linesAbove(text, rangeOf(from)[0], COMMENT_LINE);
  const end = nextLine(text, rangeOf(to)[1]);
  const blanks = linesAbove(text, head, BLANK_LINE);
  const atEnd = end === text.length;
  // Two runs of blank lines would be left next to each other, or one at the end of the file.
  const start = atEnd || BLANK_LINE.test(lineOf(text, end)) ? blanks : head;
  if (!atEnd || text.endsWith("\n")) return { start, end, text: "" };
  return { start: start - lineEnding(text).length, end, text: "" };
}

function lineOf(text: string, at: number): string {
  return text.slice(at, endOfText(text, at));
}

function blanksAbove(text: string, head: number): number {
  const comments = linesAbove(text, head, COMMENT_LINE);
  const blanks = linesAbove(text, comments, BLANK_LINE);
  return text.slice(blanks, comments).split("\n").length - 1;
}

/** After the last line of a table and the comments below it, unless these belong to what follows. */
function endOfTable({ text, rangeOf }: Block, table: AST.TOMLTable): number {
  const end = rangeOf(table)[1];
  let last = end;
  let next = nextLine(text, end);
  while (next < text.length && COMMENT_LINE.test(lineOf(text, next))) {
    last = next;
    next = nextLine(text, next);
  }
  const own = next >= text.length || BLANK_LINE.test(lineOf(text, next));
  return endOfText(text, own ? last : end);
}

type Spell = (key: string, value: string) => string;

const plain: Spell = (key, value) => `${key} = ${value}`;

/** The way a table writes its keys: `a = 1`, `a=1`, or with the equals signs below each other. */
function spelling({ text, rangeOf }: Block, table: AST.TOMLTable): Spell {
  const signs = table.body.map(({ key, value }) => {
    const [start, end] = rangeOf(key);
    const between = text.slice(end, rangeOf(value)[0]);
    return { width: end - start + between.indexOf("="), key: end - start, between };
  });
  const [first] = signs;
  if (!first) return plain;
  const aligned = signs.every(({ width }) => width === first.width) &&
    signs.some(({ key }) => key !== first.key);
  if (aligned) return (key, value) => `${key.padEnd(first.width)}= ${value}`;
  return first.between === "=" ? (key, value) => `${key}=${value}` : plain;
}
