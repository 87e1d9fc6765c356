/** What lb says of itself. */
import assert from "node:assert/strict";
import { makeProgram } from "../../../cmd/lb.ts";
import { lb } from "./capture.ts";

const PROGRAM = makeProgram(() => {});
const COMMANDS = PROGRAM.commands.map((command) => command.name());

Deno.test("lb without arguments prints help that lists every command, and the exit codes", async () => {
  const { exitCode, stdout, stderr } = await lb();
  assert.deepEqual([exitCode, stderr], [0, ""]);
  for (const name of COMMANDS) assert.match(stdout, new RegExp(`^ {2}${name} `, "m"));
  assert.match(stdout, /Examples:\n {2}lb /);
  for (const code of [0, 1, 2, 3, 4, 5, 6, 7, 70]) {
    assert.match(stdout, new RegExp(`(^|\\s)${code}  +\\w`, "m"), `exit code ${code}`);
  }
});

for (const name of ["", ...COMMANDS]) {
  Deno.test(`lb ${name} --help has examples that lb itself would take, on stdout`, async () => {
    const { exitCode, stdout, stderr } = await lb(...[name, "--help"].filter(Boolean));
    assert.deepEqual([exitCode, stderr], [0, ""]);
    const lines = stdout.slice(stdout.indexOf("Examples:\n")).split("\n").slice(1);
    const examples = lines.filter((line) => /^ {2}\S.* {2}# \S/.test(line));
    assert.ok(examples.length > 0);
    for (const line of examples) checkExample(line.split("  # ")[0]!.trim());
  });
}

/** Its command and its options exist. */
function checkExample(example: string): void {
  const [, words = ""] = /(?:^|[\s(/])lb ([^|)]*)/.exec(example) ?? [];
  const [name, ...rest] = words.trim().split(" ");
  const command = PROGRAM.commands.find((each) => each.name() === name);
  assert.ok(command, example);
  // A lone "-" is stdin.
  for (const word of rest.filter((each) => /^-./.test(each))) {
    const option = command.options.find(({ long, short }) => word === long || word === short);
    assert.ok(option, `${word} of ${example}`);
  }
}

Deno.test("help lists every command in a group of what it is for, and says what it and its options are", () => {
  const help = PROGRAM.createHelp();
  for (const command of help.visibleCommands(PROGRAM)) {
    const name = command.name();
    assert.match(command.helpGroup(), /^(Set up|Run|Look|Undo):$/, name);
    assert.ok(command.summary() || command.description(), name);
    const options = help.visibleOptions(command).map((one) => [one.flags, one.description]);
    const operands = help.visibleArguments(command).map((one) => [one.name(), one.description]);
    for (const [what, words] of [...options, ...operands]) assert.ok(words, `${name} ${what}`);
    if (name !== "help") assert.equal(operands.length, command.registeredArguments.length, name);
  }
  const text = PROGRAM.helpInformation();
  assert.deepEqual(text.match(/^(?!Options|Usage)[A-Z].*:$/gm), [
    "Set up:",
    "Run:",
    "Look:",
    "Undo:",
  ]);
});

Deno.test("help for a command is the same either way", async () => {
  for (const name of COMMANDS) {
    assert.deepEqual(await lb("help", name), await lb(name, "--help"), name);
  }
});

Deno.test("help says nothing of flags that are off, and nothing of parts that lb plays itself", async () => {
  for (const name of COMMANDS) {
    const { stdout } = await lb(name, "--help");
    assert.doesNotMatch(stdout, /default: (false|\[\])/, name);
    assert.doesNotMatch(stdout, /--role/, name);
  }
});
