import assert from "node:assert/strict";
import { makeProgram } from "../../../cmd/lb.ts";
import { manualOf } from "../../../cmd/man.ts";
import { manualPage } from "../../../lib/report/manual.ts";
import { lb } from "./capture.ts";

const PROGRAM = makeProgram(() => {});
const PAGE = manualPage(manualOf(PROGRAM, "2026-11-21"));

/** What is to be read of it: without requests, fonts and escapes. */
const PLAIN = PAGE.replaceAll(/\\f[BRI]/g, "").replaceAll("\\-", "-").replaceAll("\\(dq", '"')
  .replaceAll("\\(aq", "'").replaceAll("\\(ti", "~").replaceAll(/\n(?!\.)/g, " ");

Deno.test("the manual has every command, its options, arguments and examples", () => {
  const help = PROGRAM.createHelp();
  const commands = PROGRAM.commands;
  assert.ok(commands.length > 10);
  for (const command of commands) {
    const heading = `.SS "lb ${command.name()} `.trimEnd();
    const [, part = ""] = PLAIN.split(heading, 2);
    const own = part.split("\n.SS ")[0]!;
    assert.notEqual(own, "", command.name());
    for (const { long } of help.visibleOptions(command).filter(({ long }) => long !== "--help")) {
      assert.ok(own.includes(long!), `${command.name()} ${long}`);
    }
    for (const { description } of help.visibleArguments(command)) {
      assert.ok(own.includes(description), description);
    }
    assert.match(own, / lb /, "an example");
  }
});

Deno.test("the manual says what every exit code means, and is not of the environment it was made in", async () => {
  for (const words of ["a bug in lb", "another run holds the lock", "LB_CONFIG"]) {
    assert.ok(PLAIN.includes(words), words);
  }
  const before = Deno.env.get("LB_STATE");
  Deno.env.set("LB_STATE", "/srv/of-somebody");
  try {
    const { exitCode, stdout } = await lb("man");
    assert.equal(exitCode, 0);
    assert.doesNotMatch(stdout, /of-somebody/);
    assert.match(stdout, /\/var\/lib\/lb/);
  } finally {
    if (before === undefined) Deno.env.delete("LB_STATE");
    else Deno.env.set("LB_STATE", before);
  }
});

Deno.test("what roff would take for its own is none of it", () => {
  const group = {
    heading: "Run",
    commands: [{
      name: "x",
      usage: "[options]",
      summary: ".so /etc/passwd",
      description: "'quoted' \\\\ a\u2026b\n.br",
      entries: [],
      shared: [],
      examples: [{ line: "lb x 'a~b'", what: ".what" }],
    }],
  };
  const none = { about: [], shared: [], examples: [], sections: {}, see: ["nft(8)"] };
  const page = manualPage({
    ...{ name: "lb", version: "1", date: "2026-11-21", description: "It does." },
    ...{ groups: [group], ...none },
  });
  assert.doesNotMatch(page, /^\.(so|br|what)/m);
  assert.match(page, /^\\\(aqquoted\\\(aq \\e\\e a\\\[u2026\]b \.br$/m);
});

/** Programs that check such pages, and how each says that nothing is wrong: by nothing. */
const CHECKERS: readonly (readonly [string, ...string[]])[] = [
  ["groff", "-man", "-ww", "-Tutf8", "-z"],
  ["mandoc", "-Tlint"],
  ["man", "--warnings", "-l", "-Tutf8", "-"],
];

for (const [program, ...args] of CHECKERS) {
  const isHere = new Deno.Command("which", { args: [program], stdout: "null", stderr: "null" })
    .outputSync().success;
  const why = isHere ? "" : ` (skipped: no ${program})`;
  Deno.test({
    name: `${program} finds nothing wrong with the manual${why}`,
    ignore: !isHere,
    async fn() {
      const child = new Deno.Command(program, {
        args,
        env: { MAN_KEEP_FORMATTING: "1", MANWIDTH: "100" },
        stdin: "piped",
        stdout: "piped",
        stderr: "piped",
      }).spawn();
      const keys = child.stdin.getWriter();
      await keys.write(new TextEncoder().encode(PAGE));
      await keys.close();
      const { success, stdout, stderr } = await child.output();
      const [out, err] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
      assert.deepEqual([success, err], [true, ""]);
      assert.equal(program === "man" ? "" : out, "");
    },
  });
}
