import * as v from "valibot";
import { isTable, type Table } from "./parse.ts";
import { didYouMean } from "./suggest.ts";

/** A schema that takes whatever TOML holds and gives a value of ours. */
export type Schema<Output> = v.GenericSchema<unknown, Output>;

/** Output of a table's schema. */
export type Written<Entries extends v.ObjectEntries> = v.InferOutput<
  v.ObjectSchema<Entries, undefined>
>;

/** Joins a message and its hint, since valibot's issues carry one text. @see splitMessage */
const HINT = "\n";

/** Message and hint of an issue. */
export function splitMessage(text: string): { message: string; hint?: string } {
  const [message = "", hint] = text.split(HINT);
  return hint === undefined ? { message } : { message, hint };
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
  return v.pipe(
    v.unknown(),
    v.rawTransform(({ dataset, addIssue, NEVER }) => {
      const output = read(dataset.value);
      if (output !== undefined) return output;
      addIssue({ message: refusal(expected, dataset.value, hint(dataset.value)) });
      return NEVER;
    }),
  );
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
export function list<Output>(what: string, item: Schema<Output>, min = 0): Schema<Output[]> {
  const expected = `a list of ${what}${min > 0 ? ", at least one" : ""}`;
  const isList = (value: unknown) => Array.isArray(value) && value.length >= min;
  return v.pipe(leaf(expected, (value) => isList(value) ? value : undefined), v.array(item));
}

/** One item or a list of at least one; always gives a list. */
export function oneOrMany<Output>(what: string, item: Schema<Output>): Schema<Output[]> {
  const expected = `${what}, or a list of at least one`;
  return v.pipe(
    leaf(expected, (value) => {
      if (!Array.isArray(value)) return isTable(value) ? undefined : [value];
      return value.length > 0 ? value : undefined;
    }),
    v.array(item),
  );
}

/**
 * A table of known keys.
 *
 * @param title as the operator writes it, for messages: `[[service]]`
 * @param elsewhere where a key belongs that is unknown here
 */
export function table<const Entries extends v.ObjectEntries>(
  title: string,
  entries: Entries,
  elsewhere: (key: string) => string | undefined = () => undefined,
): Schema<Written<Entries>> {
  const inner = v.object(
    entries,
    ({ expected }) => `missing key \`${expected?.slice(1, -1)}\` in ${title}`,
  );
  const known = Object.keys(entries);
  const refuseKey = (input: Table, key: string): v.BaseIssue<unknown> => ({
    kind: "schema",
    type: "unknown_key",
    input: input[key],
    expected: null,
    received: key,
    message: `unknown key \`${quote(key).slice(1, -1)}\` in ${title}${HINT}` +
      (didYouMean(key, known) ?? elsewhere(key) ?? `known keys: ${known.join(", ")}`),
    path: [{ type: "unknown", origin: "key", input, key, value: input[key] }],
  });
  // valibot's strict object stops at the first unknown key.
  const strict: Schema<Written<Entries>> = {
    ...inner,
    "~run"(dataset, config) {
      const input = isTable(dataset.value) ? dataset.value : {};
      const result = inner["~run"](dataset, config);
      const unknown = Object.keys(input).filter((key) => !Object.hasOwn(entries, key));
      if (unknown.length === 0) return result;
      const issues = [...result.issues ?? [], ...unknown.map((key) => refuseKey(input, key))];
      return { typed: false, value: result.value, issues: nonEmpty(issues) };
    },
  };
  return v.pipe(
    leaf<unknown>(`a table (${title})`, (value) => isTable(value) ? value : undefined),
    strict,
  );
}

/** A list of tables, `[[title]]`. */
export function tables<Output>(title: string, item: Schema<Output>): Schema<Output[]> {
  return v.pipe(
    leaf(
      `a list of tables (${title})`,
      (value) => Array.isArray(value) ? value : undefined,
      (value) => isTable(value) ? `write ${title}` : undefined,
    ),
    v.array(item),
  );
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

function refusal(expected: string, found: unknown, hint: string | undefined): string {
  const message = `expected ${expected}, found ${describe(found)}`;
  return hint === undefined ? message : `${message}${HINT}${hint}`;
}

function unquoted(value: unknown, pattern: RegExp): string | undefined {
  return typeof value === "string" && pattern.test(value) ? "write it without quotes" : undefined;
}

function nonEmpty<Item>([first, ...rest]: Item[]): [Item, ...Item[]] {
  if (first === undefined) throw new RangeError("an empty list where valibot wants issues");
  return [first, ...rest];
}
