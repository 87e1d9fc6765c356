import { parse, TomlError } from "smol-toml";
import { ConfigError, type Place } from "./diagnostic.ts";
import { readPlain } from "./plain.ts";

/** A table as smol-toml gives it. */
export type Table = Readonly<Record<string, unknown>>;

/** Whether a parsed value is a table: dates and lists are objects too. */
export function isTable(value: unknown): value is Table {
  return typeof value === "object" && value !== null && !Array.isArray(value) &&
    !(value instanceof Date);
}

/**
 * TOML text as a value. Integers are bigints, so that `1` and `1.0` stay apart.
 *
 * @throws {ConfigError} where it is not TOML, with the place of the first mistake
 */
export function parseToml(text: string, file: string): Table {
  try {
    // "throw": these keys would get lost on the way through ordinary objects instead of being reported.
    return readPlain(text) ?? parse(text, { integersAsBigInt: true, unsafeKeyBehaviour: "throw" });
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const place = placeOf(text, error);
    throw new ConfigError([{
      severity: "error",
      file,
      ...place,
      message: messageOf(error, place),
    }]);
  }
}

/** The text without a byte order mark, which the position parser takes for a mistake. */
export function withoutBom(text: string): string {
  return text.startsWith("\ufeff") ? text.slice(1) : text;
}

/** smol-toml draws the source line below its message; the formatter of diagnostics does that here. */
function messageOf(error: TomlError, { column, source_line }: Place): string {
  const [first = "not valid TOML"] = error.message.split("\n");
  // At the end of a line the control character is the newline, which nobody thinks of as one.
  if (/control characters .* strings/.test(first) && column > source_line.length) {
    return "this string has no closing quote";
  }
  return first.replace(/^Invalid TOML document: /, "");
}

function placeOf(text: string, { line, column }: TomlError): Place {
  return { line, column, length: 1, source_line: lineAt(text, line) };
}

/** One line of a text, counted from 1, without its end. */
export function lineAt(text: string, line: number): string {
  let start = 0;
  for (let skipped = 1; skipped < line; skipped++) start = text.indexOf("\n", start) + 1;
  const end = text.indexOf("\n", start);
  return text.slice(start, end < 0 ? undefined : end).replace(/\r$/, "");
}
