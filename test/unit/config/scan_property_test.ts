import { deepStrictEqual } from "node:assert/strict";
import fc from "fast-check";
import { parseTOML } from "toml-eslint-parser";
import { scanHeaders, serviceSlices, slicesOf } from "../../../lib/config/scan.ts";

/** Statements that are hard on a scanner: each is whole lines of TOML. */
const statement = fc.constantFrom(
  "[[service]]",
  "  [[ service ]] # x",
  '[["service"]]',
  "[[service.backend]]",
  "[[ 'service' . backend ]]",
  "key = 1",
  "# [[service]]",
  "",
  'text = "[[service]] \\" # ["',
  "text = '[[service]] \\'",
  'text = """\n[[service]]\n\\"""\n[tier]\n"" """',
  'text = """a"""""',
  'list = [ """a"""", [\n1], [ """b""""", [\n2] ] ]',
  "text = '''\n[[service]]\n'' '''",
  'empty = ""',
  'empty = """"""',
  "list = [\n  [1, 2], # ]\n  ['[', ']'],\n]",
  'list = [\n"""\n]\n[[service]]\n""",\n]',
  "table = { a = [ { b = '}' } ] }",
  '"[x]" = 1',
  "a.'b' = 2",
);

/** Keys of a table may not repeat: each statement gets a number of its own. */
const source = fc.record({
  statements: fc.array(statement, { maxLength: 15 }),
  eol: fc.constantFrom("\n", "\r\n"),
}).map(({ statements, eol }) =>
  statements.map((one, index) => one.replace(/^(text|list|empty|table|key|a\.)/, `k${index}$1`))
    .map((one, index) => one.replace('"[x]"', `"[x${index}]"`)).join("\n").replaceAll("\n", eol)
);

/** Headers as the full parser sees them; undefined where it sees no TOML. */
function headersOf(text: string) {
  try {
    return parseTOML(text, { tomlVersion: "1.1" }).body[0].body
      .filter((node) => node.type === "TOMLTable")
      .map(({ key, kind, range }) => ({
        keys: key.keys.map((part) => part.type === "TOMLBare" ? part.name : part.value),
        array: kind === "array",
        start: text.lastIndexOf("\n", range[0]) + 1,
      }));
  } catch {
    return undefined;
  }
}

Deno.test("the line scan finds the headers that a full parse finds", () => {
  let parsed = 0;
  fc.assert(
    fc.property(source, (text) => {
      const expected = headersOf(text);
      if (!expected) return;
      parsed++;
      deepStrictEqual(scanHeaders(text), expected);
    }),
    { numRuns: 3000 },
  );
  deepStrictEqual(parsed > 300, true, "enough of the texts are TOML");
});

Deno.test("scanning ends on any text, sense or not", () => {
  const pieces = fc.constantFrom(
    "[",
    "]",
    "{",
    "}",
    '"',
    "'",
    "\\",
    "#",
    "\n",
    "\r",
    "=",
    "a",
    " ",
    '"""',
    "'''",
  );
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 40 }), (parts) => {
      const text = parts.join("");
      const headers = scanHeaders(text);
      const slices = serviceSlices(text, headers);
      deepStrictEqual(slices.every(({ start, end }) => start <= end && end <= text.length), true);
    }),
    { numRuns: 3000 },
  );
});

Deno.test("slices know how many lines stand before them", () => {
  fc.assert(fc.property(source, (text) => {
    const headers = scanHeaders(text);
    const slices = [...serviceSlices(text, headers), ...slicesOf(text, headers, "service")];
    for (const { start, lines_before } of slices) {
      deepStrictEqual(lines_before, text.slice(0, start).split("\n").length - 1);
    }
  }));
});
