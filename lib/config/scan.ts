import {
  APOSTROPHE,
  BACKSLASH,
  CLOSE_BRACE,
  CLOSE_BRACKET,
  HASH,
  NEWLINE,
  OPEN_BRACE,
  OPEN_BRACKET,
  QUOTE,
  RETURN,
  SPACE,
  TAB,
} from "./codes.ts";

/** A `[table]` or `[[table]]` line. */
export interface Header {
  readonly keys: readonly string[];
  /** `[[…]]` */
  readonly array: boolean;
  /** Offset of its line's first character. */
  readonly start: number;
}

/** Part of a text, from a header up to another, and how many lines stand before it. */
export interface Slice {
  readonly start: number;
  readonly end: number;
  readonly lines_before: number;
}

/**
 * Every table header of a TOML text, by one pass over its characters. It knows strings, comments and
 * brackets, nothing else: a full parse with positions takes seconds for ten thousand services.
 */
export function scanHeaders(text: string): Header[] {
  const headers: Header[] = [];
  // Ten thousand services have two header lines between them.
  const known = new Map<string, Omit<Header, "start">>();
  let depth = 0;
  let fresh = true;
  for (let at = 0; at < text.length;) {
    const code = text.charCodeAt(at);
    if (code === NEWLINE) {
      fresh = depth === 0;
      at++;
    } else if (code === HASH) {
      at = endOfLine(text, at);
    } else if (code === QUOTE || code === APOSTROPHE) {
      fresh = false;
      at = endOfString(text, at, code);
    } else if (code === OPEN_BRACKET && fresh) {
      const end = endOfLine(text, at);
      const { keys, array } = readHeader(text.slice(at, end), known);
      headers.push({ keys, array, start: startOfLine(text, at) });
      at = end;
    } else {
      if (code === OPEN_BRACKET || code === OPEN_BRACE) depth++;
      else if (code === CLOSE_BRACKET || code === CLOSE_BRACE) depth--;
      if (code !== SPACE && code !== TAB && code !== RETURN) fresh = false;
      at++;
    }
  }
  return headers;
}

/** Each `[[service]]` with everything below it, up to the next one. */
export function serviceSlices(text: string, headers: readonly Header[]): Slice[] {
  const starts = headers.filter(isServiceHeader).map(({ start }) => start);
  return slicesFrom(text, starts, [...starts.slice(1), text.length]);
}

/** The root of the document (before any header), then the tables with this first key. */
export function slicesOf(text: string, headers: readonly Header[], key: string): Slice[] {
  const ends = [...headers.slice(1).map(({ start }) => start), text.length];
  const wanted = headers.map(({ keys, start }, index) => ({
    keys,
    start,
    end: ends[index] ?? start,
  }))
    .filter(({ keys }) => keys[0] === key);
  return slicesFrom(
    text,
    [0, ...wanted.map(({ start }) => start)],
    [headers[0]?.start ?? text.length, ...wanted.map(({ end }) => end)],
  );
}

/** Offset of the newline that ends the line, or of the end of the text. */
export function endOfLine(text: string, at: number): number {
  const end = text.indexOf("\n", at);
  return end < 0 ? text.length : end;
}

/** Offset of the first character of the line. */
export function startOfLine(text: string, at: number): number {
  return at === 0 ? 0 : text.lastIndexOf("\n", at - 1) + 1;
}

function isServiceHeader({ keys, array }: Header): boolean {
  return array && keys.length === 1 && keys[0] === "service";
}

function slicesFrom(text: string, starts: readonly number[], ends: readonly number[]): Slice[] {
  let newline = text.indexOf("\n");
  let lines_before = 0;
  return starts.map((start, index) => {
    for (; newline >= 0 && newline < start; newline = text.indexOf("\n", newline + 1)) {
      lines_before++;
    }
    return { start, end: ends[index] ?? start, lines_before };
  });
}

function endOfString(text: string, at: number, quote: number): number {
  const isLong = isTriple(text, at, quote);
  let end = at + (isLong ? 3 : 1);
  while (end < text.length && !(isLong ? isTriple(text, end, quote) : isAt(text, end, quote))) {
    end += quote === QUOTE && isAt(text, end, BACKSLASH) ? 2 : 1;
  }
  end += isLong ? 3 : 1;
  // Up to two quotes may stand directly before the closing three.
  while (isLong && isAt(text, end, quote)) end++;
  return end;
}

function isTriple(text: string, at: number, quote: number): boolean {
  return isAt(text, at, quote) && isAt(text, at + 1, quote) && isAt(text, at + 2, quote);
}

function isAt(text: string, at: number, code: number): boolean {
  return text.charCodeAt(at) === code;
}

const HEADER_KEY = /[ \t]*(?:"((?:[^"\\\n]|\\.)*)"|'([^'\n]*)'|([A-Za-z0-9_-]+))[ \t]*(\.?)/y;

/** @param line from its bracket on */
function readHeader(
  line: string,
  known: Map<string, Omit<Header, "start">>,
): Omit<Header, "start"> {
  const same = known.get(line);
  if (same) return same;
  const array = line[1] === "[";
  const keys: string[] = [];
  HEADER_KEY.lastIndex = array ? 2 : 1;
  for (let match = HEADER_KEY.exec(line); match; match = HEADER_KEY.exec(line)) {
    keys.push(match[1] ?? match[2] ?? match[3] ?? "");
    if (match[4] === "") break;
  }
  const header = { keys, array };
  known.set(line, header);
  return header;
}
