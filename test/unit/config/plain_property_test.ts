import { deepStrictEqual, notStrictEqual, ok } from "node:assert/strict";
import fc from "fast-check";
import { parse } from "smol-toml";
import { readPlain } from "../../../lib/config/plain.ts";
import { configText } from "../../bench/services.ts";

const SAMPLE = Deno.readTextFileSync(new URL("../../../templates/lb.toml", import.meta.url));

const MALFORMED = new URL("../../malformed/", import.meta.url);

/** Pieces of TOML, plain and not, whole and torn: most texts made of them are mistakes. */
const PIECES = [
  ..."abz09AZ_- \t\n\r\n#\"'=.,[]{}\\\u007f\u0000é\ufeff",
  ...["\n", "\r\n", " = ", "a = ", "b = ", "\n[a]\n", "\n[[a]]\n", "\n[a.b]\n", "\n[[a.b]]\n"],
  ...["[[service]]\n", "[service.health]\n", "[[service.backend]]\n", "[[ a ]]\n", '["a"]\n'],
  ...["true", "false", "truely", "0", "1", "00", "07", "-1", "+1", "1_0", "0x1f", "1.5", "1e3"],
  ...["999999999999999", "9999999999999999", "inf", "nan", "1979-05-27", "07:32:00"],
  ...['"x"', "'y'", '""', "''", '"""', "'''", '"\\n"', "'\\n'", '"#"', '"\t"', '"\n"', "'\u0007'"],
  ...[
    "[1, 2]",
    "[1, 2, ]",
    "[ , ]",
    "[\n1 # c\n]",
    "[[1], ['a']]",
    "{}",
    "{ a = 1 }",
    "{ a = 1, }",
  ],
  ...["{ a = 1, a = 2 }", "{ a.b = 1 }", "{\n a = 1\n}", "# c\n", "#\u0001\n", "# a\rb\n"],
  ...["__proto__", "constructor", "toString", "a.b = 1\n", '"a" = 1\n', "a = 1\n", "b = [1]\n"],
];

const anyText = fc.array(fc.constantFrom(...PIECES), { maxLength: 14 }).map((all) => all.join(""));

/** Statements that are whole lines: most texts made of them have several tables. */
const STATEMENTS = [
  ...["[a]", "[[a]]", "[a.b]", "[[a.b]]", "[a.b.c]", "[[a.b.c]]", "[b]", "[[b]]", "  [c] # c"],
  ...["a = 1", "b = 'x'", "c = [1, {a = 2}]", "b = {}", "a = []", "a = [{}]", "", "# c", "d = 1.5"],
];

const statements = fc.array(fc.constantFrom(...STATEMENTS), { maxLength: 9 })
  .map((lines) => lines.join("\n"));

/** A config in which one piece stands where it does not belong, or something is left out. */
const torn = fc.record({
  text: fc.constantFrom(SAMPLE, SAMPLE.replaceAll(/^#+(?=\S)/gm, ""), configText(3)),
  at: fc.nat(),
  out: fc.nat(12),
  piece: fc.constantFrom("", ...PIECES),
}).map(({ text, at, out, piece }) => {
  const start = at % text.length;
  return text.slice(0, start) + piece + text.slice(start + out);
});

/** What the parser that knows all of TOML says; undefined where it sees a mistake. */
function parsed(text: string): unknown {
  try {
    return ordinary(parse(text, { integersAsBigInt: true, unsafeKeyBehaviour: "throw" }));
  } catch {
    return undefined;
  }
}

/** The parser's tables have no prototype, which makes them unequal to ours. */
function ordinary(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(ordinary);
  if (typeof value !== "object" || value === null || value instanceof Date) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, ordinary(one)]));
}

for (const [what, texts] of Object.entries({ pieces: anyText, statements, torn })) {
  Deno.test(`what is read as plain is what the full parser reads: ${what}`, () => {
    let plain = 0;
    fc.assert(
      fc.property(texts, (text) => {
        const read = readPlain(text);
        if (read === undefined) return;
        plain++;
        deepStrictEqual(read, parsed(text));
      }),
      { numRuns: 4000 },
    );
    ok(plain > 400, `only ${plain} texts were plain`);
  });
}

Deno.test("what the full parser refuses is never plain, whatever the mistake", () => {
  let refused = 0;
  for (const { name } of Deno.readDirSync(MALFORMED)) {
    const text = new TextDecoder().decode(Deno.readFileSync(new URL(name, MALFORMED)));
    if (parsed(text) !== undefined) continue;
    refused++;
    deepStrictEqual(readPlain(text), undefined, name);
  }
  ok(refused > 20, `only ${refused} files are no TOML`);
});

Deno.test("the sample and large configs are plain, with either line ending", () => {
  for (const text of [SAMPLE, configText(20), "", '[lb]\nengine = "auto"']) {
    notStrictEqual(readPlain(text), undefined);
    notStrictEqual(readPlain(text.replaceAll("\n", "\r\n")), undefined);
  }
});
