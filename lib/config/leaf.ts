import { isTable } from "./parse.ts";
import { type Problem, withKey } from "./problem.ts";
import { didYouMean } from "./suggest.ts";

/** Takes whatever TOML holds and gives a value of ours. */
export interface Schema<Output> {
  /** @returns undefined where the value is refused, which is noted with the reason */
  readonly read: (value: unknown, reading: Reading) => Output | undefined;
  /** Whether the key may be left out. */
  readonly isOptional?: boolean;
}

/** How far a document has been read, and what was refused of it. */
export interface Reading {
  /** To the value that is read now. */
  readonly path: (string | number)[];
  readonly problems: Problem[];
}

/** What a schema gives. */
export type OutputOf<Some> = Some extends Schema<infer Output> ? Output : never;

/** Schemas of a table's keys. */
export type Entries = Readonly<Record<string, Schema<unknown>>>;

type Optional<Some extends Entries> = {
  [Key in keyof Some]: Some[Key] extends { readonly isOptional: true } ? Key : never;
}[keyof Some];

/** Output of a table's schema. */
export type Written<Some extends Entries> =
  & { [Key in Exclude<keyof Some, Optional<Some>>]: OutputOf<Some[Key]> }
  & { [Key in Optional<Some>]?: OutputOf<Some[Key]> };

/** A key that may be left out. */
export function optional<Some extends Schema<unknown>>(
  schema: Some,
): Some & { readonly isOptional: true } {
  return { ...schema, isOptional: true };
}

/**
 * One value that is read as a whole.
 *
 * @param expected what it must be, for the message: "expected EXPECTED, found …"
 * @param read gives the value, or undefined where it is not what was expected
 * @param hint what may have been meant, given the value that was refused
 */
export function leaf<Output>(
  expected: string,
  read: (value: unknown) => Output | undefined,
  hint: (value: unknown) => string | undefined = () => undefined,
): Schema<Output> {
  return {
    read(value, reading) {
      const output = read(value);
      if (output === undefined) refuse(reading, expected, value, hint(value));
      return output;
    },
  };
}

/** Text, all of it or what `read` makes of it. */
export function text<Output = string>(
  expected: string,
  read: (value: string) => Output | undefined,
  hint?: (value: unknown) => string | undefined,
): Schema<Output> {
  return leaf(expected, (value) => typeof value === "string" ? read(value) : undefined, hint);
}

/** One of a few words. */
export function choice<const Name extends string>(names: readonly Name[]): Schema<Name> {
  return leaf(
    names.length === 1 ? `"${names[0]}"` : `one of ${names.join(", ")}`,
    (value) => names.find((name) => name === value),
    (value) => {
      if (typeof value === "string") return didYouMean(value, names);
      // A table of smol-toml's has no prototype, and no way to become a string.
      if (typeof value === "object") return undefined;
      return names.some((name) => name === String(value)) ? `write "${value}"` : undefined;
    },
  );
}

/** A whole number within bounds. */
export function integer(min: number, max: number): Schema<number> {
  return leaf(`an integer from ${min} to ${max}`, (value) => {
    if (typeof value !== "bigint" || value < min || value > max) return undefined;
    return Number(value);
  }, (value) => unquoted(value, /^\d+$/));
}

/** `true` or `false`. */
export function boolean(): Schema<boolean> {
  return leaf(
    "true or false",
    (value) => typeof value === "boolean" ? value : undefined,
    (value) => unquoted(value, /^(true|false)$/),
  );
}

/** A list of items; `what` in the plural. */
export function list<Output>(what: string, item: Schema<Output>, min = 0): ListSchema<Output> {
  const expected = `a list of ${what}${min > 0 ? ", at least one" : ""}`;
  return items(item, expected, (value) => {
    return Array.isArray(value) && value.length >= min ? value : undefined;
  });
}

/** One item or a list of at least one; always gives a list. */
export function oneOrMany<Output>(what: string, item: Schema<Output>): ListSchema<Output> {
  return items(item, `${what}, or a list of at least one`, (value) => {
    if (!Array.isArray(value)) return isTable(value) ? undefined : [value];
    return value.length > 0 ? value : undefined;
  });
}

/** A list of tables, `[[title]]`. */
export function tables<Output>(title: string, item: Schema<Output>): ListSchema<Output> {
  return items(
    item,
    `a list of tables (${title})`,
    (value) => Array.isArray(value) ? value : undefined,
    (value) => isTable(value) ? `write ${title}` : undefined,
  );
}

/** Gives a list with undefined in the place of what was refused. */
interface ListSchema<Output> extends Schema<Output[]> {
  readonly item: Schema<Output>;
}

function items<Output>(
  item: Schema<Output>,
  expected: string,
  listOf: (value: unknown) => readonly unknown[] | undefined,
  hint: (value: unknown) => string | undefined = () => undefined,
): ListSchema<Output> {
  return {
    item,
    read(value, reading) {
      const found = listOf(value);
      if (!found) return refuse(reading, expected, value, hint(value));
      return found.map((one, index) => readAt(item, one, index, reading)) as Output[];
    },
  };
}

/** A table of known keys, with undefined for what was refused. */
interface TableSchema<Some extends Entries> extends Schema<Written<Some>> {
  readonly entries: Some;
}

/**
 * A table of known keys.
 *
 * @param title as the operator writes it, for messages: `[[service]]`
 * @param elsewhere where a key belongs that is unknown here
 */
export function table<const Some extends Entries>(
  title: string,
  entries: Some,
  elsewhere: (key: string) => string | undefined = () => undefined,
): TableSchema<Some> {
  const known = new Map<string, Schema<unknown>>(Object.entries(entries));
  const required = [...known.keys()].filter((key) => !known.get(key)?.isOptional);
  const hintFor = (key: string) => {
    const names = [...known.keys()];
    return didYouMean(key, names) ?? elsewhere(key) ?? `known keys: ${names.join(", ")}`;
  };
  return {
    entries,
    read(value, reading) {
      if (!isTable(value)) return refuse(reading, `a table (${title})`, value);
      const written: Record<string, unknown> = {};
      for (const key of required) {
        if (key in value) continue;
        refuseKey(reading, key, `missing key \`${key}\` in ${title}`);
      }
      for (const key of Object.keys(value)) {
        const schema = known.get(key);
        if (schema) written[key] = readAt(schema, value[key], key, reading);
        else refuseKey(reading, key, `unknown key \`${printable(key)}\` in ${title}`, hintFor(key));
      }
      return written as Written<Some>;
    },
  };
}

function readAt(
  schema: Schema<unknown>,
  value: unknown,
  key: string | number,
  reading: Reading,
): unknown {
  reading.path.push(key);
  const output = schema.read(value, reading);
  reading.path.pop();
  return output;
}

function refuseKey({ path, problems }: Reading, key: string, message: string, hint?: string): void {
  problems.push({ severity: "error", path: [...path, key], at: "key", message, hint });
}

function refuse(
  { path, problems }: Reading,
  expected: string,
  found: unknown,
  hint?: string,
): undefined {
  const message = withKey(path, `expected ${expected}, found ${describe(found)}`);
  problems.push({ severity: "error", path: [...path], at: "value", message, hint });
}

/** What was found, for messages: `the string "abc"`, `a table`. */
export function describe(value: unknown): string {
  if (typeof value === "string") {
    return value === "" ? "an empty string" : `the string ${quote(value)}`;
  }
  if (typeof value === "bigint") return `the integer ${value}`;
  if (typeof value === "number") {
    return `the float ${Number.isInteger(value) ? `${value}.0` : value}`;
  }
  if (typeof value === "boolean") return `${value}`;
  if (value instanceof Date) return "a date";
  if (Array.isArray(value)) return value.length === 0 ? "an empty list" : "a list";
  return "a table";
}

/** JSON's quoting also makes control characters visible, which must not reach a terminal. */
function quote(value: string): string {
  return JSON.stringify(value.length > 60 ? `${value.slice(0, 57)}…` : value);
}

function printable(key: string): string {
  return quote(key).slice(1, -1);
}

function unquoted(value: unknown, pattern: RegExp): string | undefined {
  return typeof value === "string" && pattern.test(value) ? "write it without quotes" : undefined;
}
