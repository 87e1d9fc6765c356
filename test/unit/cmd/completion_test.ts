import assert from "node:assert/strict";
import { answer } from "../../../cmd/completion/answer.ts";
import {
  complete,
  type Completion,
  NOTHING,
  type Situation,
} from "../../../cmd/completion/candidates.ts";
import { wordsOf } from "../../../cmd/completion/line.ts";
import { SHELLS } from "../../../cmd/completion/request.ts";
import { SOURCES } from "../../../cmd/completion/values.ts";
import { makeProgram } from "../../../cmd/lb.ts";

const PROGRAM = makeProgram(() => {});

/** Rows of: a line up to the cursor, and the words that bash would make of it. */
const LINES: readonly (readonly [string, readonly string[]])[] = [
  ["", [""]],
  ["lb", ["lb"]],
  ["lb ", ["lb", ""]],
  ["lb  scale\tw", ["lb", "scale", "w"]],
  ["lb --config 'a b", ["lb", "--config", "a b"]],
  ['lb "a \\"b\\" \\n', ["lb", 'a "b" \\n']],
  ["lb a\\ b \\", ["lb", "a b", ""]],
  ["lb '' \"\"", ["lb", "", ""]],
  ["lb $(reboot) `x` $HOME;", ["lb", "$(reboot)", "`x`", "$HOME;"]],
  ["lb --weight=[2001:db8::1]:80=", ["lb", "--weight=[2001:db8::1]:80="]],
];

Deno.test("a line is taken apart as bash would, and nothing in it is run", () => {
  for (const [line, words] of LINES) assert.deepEqual(wordsOf(line), words, line);
});

/** Completes a line, and notes what values were asked for. */
async function at(line: string, found: Completion = NOTHING) {
  const asked: (readonly [string, Situation])[] = [];
  const [, ...words] = wordsOf(line);
  const completion = await complete(PROGRAM, words, (name, situation) => {
    asked.push([name, situation]);
    return Promise.resolve(found);
  });
  return { ...completion, values: completion.candidates.map(({ value }) => value), asked };
}

Deno.test("commands come first, each with what it is for", async () => {
  const { candidates, values } = await at("lb ");
  for (const { value, what } of candidates) assert.ok(what, value);
  assert.deepEqual(
    values.toSorted(),
    [
      ...PROGRAM.commands.map((one) => one.name()),
      "help",
    ].toSorted(),
  );
  assert.deepEqual((await at("lb help ")).values, values);
  assert.deepEqual((await at("lb -")).values, ["--version", "--help"]);
  assert.deepEqual((await at("lb nonsense ")).values, []);
  assert.deepEqual((await at("lb help scale ")).values, []);
});

Deno.test("options are those of the command, but for hidden ones and those that were given", async () => {
  const { candidates, values } = await at("lb apply --json --config x -");
  for (const { value, what } of candidates) assert.ok(what, value);
  assert.deepEqual(values, [
    "--plan",
    "--confirm",
    "--migrate",
    "--state",
    "--run-dir",
    "--lock-timeout",
    "--help",
  ]);
  assert.ok(!(await at("lb demo -")).values.includes("--role"));
  assert.ok(!(await at("lb uninstall -y -")).values.includes("--yes"));
  const scale = (await at("lb scale web --weight a=1 --now -")).values;
  assert.ok(scale.includes("--weight"), "may be given again");
  assert.ok(!scale.includes("--now"));
});

Deno.test("where no operand can stand, options are offered", async () => {
  assert.ok((await at("lb apply ")).values.includes("--plan"));
  assert.ok((await at("lb status web ")).values.includes("--json"));
  assert.deepEqual((await at("lb apply x")).values, []);
});

Deno.test("fixed choices are offered for options and arguments", async () => {
  assert.deepEqual((await at("lb completions ")).values, SHELLS);
  const engines = ["auto", "nft", "nfqueue", "ipvs", "relay"];
  assert.deepEqual((await at("lb demo --engine ")).values, engines);
  const whole = engines.map((name) => `--engine=${name}`);
  assert.deepEqual((await at("lb demo --engine=n")).values, whole);
  assert.deepEqual((await at("lb demo --keep=")).values, []);
});

Deno.test("values are asked for with what stands before the cursor", async () => {
  const { asked } = await at("lb scale --config=/x --state /y web --remove a --weight ");
  const [[name, { command, operands, values }] = assert.fail("not asked")] = asked;
  assert.deepEqual([name, command, operands], ["--weight", "scale", ["web"]]);
  assert.deepEqual(Object.fromEntries(values), {
    "--config": ["/x"],
    "--state": ["/y"],
    "--remove": ["a"],
  });
  const behind = await at("lb status -- -");
  assert.deepEqual(behind.asked.map(([asked]) => asked), ["service"]);
});

Deno.test("what was found keeps the option before it, and how it is to be taken", async () => {
  const open: Completion = {
    kind: "words",
    candidates: [{ value: "a=", what: "w" }],
    isOpen: true,
  };
  const { candidates, isOpen } = await at("lb scale web --weight=", open);
  assert.deepEqual(candidates, [{ value: "--weight=a=", what: "w" }]);
  assert.equal(isOpen, true);
  assert.equal((await at("lb apply --config=", { kind: "files", candidates: [] })).kind, "files");
});

Deno.test("for every value there are choices or a source, and every source is of use", () => {
  const open = new Set(Object.keys(SOURCES));
  for (const command of PROGRAM.commands) {
    const options = command.createHelp().visibleOptions(command).filter((one) => one.required);
    const named = [
      ...options.map((one) => [one.long, one.argChoices] as const),
      ...command.registeredArguments.map((one) => [one.name(), one.argChoices] as const),
    ];
    for (const [name, choices] of named) {
      const own = `${command.name()} ${name}`;
      const key = own in SOURCES ? own : `${name}`;
      assert.ok(choices || key in SOURCES, `${own} in cmd/completion/values.ts`);
      open.delete(key);
    }
  }
  assert.deepEqual([...open], []);
});

const TWO: Completion = {
  kind: "words",
  candidates: [{ value: "[2001:db8::1]:80", what: "weight 1" }, { value: "2", what: "" }],
};

Deno.test("zsh gets colons escaped, fish a tab, and both all there is", () => {
  const zsh = "words\n[2001\\:db8\\:\\:1]\\:80:weight 1\n2\n";
  assert.equal(answer("zsh", TWO), zsh);
  assert.equal(answer("fish", TWO), "words\n[2001:db8::1]:80\tweight 1\n2\n");
  assert.equal(answer("fish", { ...TWO, isOpen: true }).split("\n")[0], "open");
  assert.equal(answer("zsh", { kind: "folders", candidates: [] }), "folders\n");
});

Deno.test("bash gets what fits, without what stands already before its own word", () => {
  const cursor = { typed: "[2001:db8:", replaced: "", comp_type: "9" };
  assert.equal(answer("bash", TWO, cursor), "words\n:1]:80\n");
  const open = { ...cursor, replaced: "db8:" };
  assert.equal(answer("bash", TWO, open), "words\ndb8::1]:80\n");
  const whole = { typed: "", replaced: "", comp_type: "63" };
  assert.equal(answer("bash", TWO, whole), "words\n[2001:db8::1]:80  (weight 1)\n2\n");
});

Deno.test("control characters make no lines and no colours", () => {
  const candidates = [{ value: "a\nb", what: "\x1b[31mred" }];
  assert.equal(answer("fish", { kind: "words", candidates }), "words\na b\t [31mred\n");
});
