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
  let depth = 0;
  let fresh = true;
  for (let at = 0; at < text.length;) {
    const char = text[at];
    if (char === "\n") {
      fresh = depth === 0;
      at++;
    } else if (char === "#") {
      at = endOfLine(text, at);
    } else if (char === '"' || char === "'") {
      fresh = false;
      at = endOfString(text, at, char);
    } else if (char === "[" && fresh) {
      headers.push(readHeader(text, at));
      at = endOfLine(text, at);
    } else {
      if (char === "[" || char === "{") depth++;
      else if (char === "]" || char === "}") depth--;
      if (char !== " " && char !== "\t" && char !== "\r") fresh = false;
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
  let counted = 0;
  let lines_before = 0;
  return starts.map((start, index) => {
    for (; counted < start; counted++) if (text[counted] === "\n") lines_before++;
    return { start, end: ends[index] ?? start, lines_before };
  });
}

function endOfString(text: string, at: number, quote: string): number {
  const triple = text.startsWith(quote.repeat(3), at);
  const close = triple ? quote.repeat(3) : quote;
  let end = at + close.length;
  while (end < text.length && !text.startsWith(close, end)) {
    end += quote === '"' && text[end] === "\\" ? 2 : 1;
  }
  end += close.length;
  // Up to two quotes may stand directly before the closing three.
  while (triple && text[end] === quote) end++;
  return end;
}

const HEADER_KEY = /[ \t]*(?:"((?:[^"\\\n]|\\.)*)"|'([^'\n]*)'|([A-Za-z0-9_-]+))[ \t]*(\.?)/y;

function readHeader(text: string, at: number): Header {
  const array = text[at + 1] === "[";
  const keys: string[] = [];
  HEADER_KEY.lastIndex = at + (array ? 2 : 1);
  for (let match = HEADER_KEY.exec(text); match; match = HEADER_KEY.exec(text)) {
    keys.push(match[1] ?? match[2] ?? match[3] ?? "");
    if (match[4] === "") break;
  }
  return { keys, array, start: startOfLine(text, at) };
}
