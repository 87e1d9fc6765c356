import assert from "node:assert/strict";
import fc from "fast-check";
import { cronLine, unitLine } from "../../../lib/host/schedule/command_line.ts";
import { marked, whose } from "../../../lib/host/schedule/mark.ts";
import { process } from "../../../lib/sys/process.ts";

const word = fc.string({
  unit: fc.constantFrom(..."ab /%$'\"\\;*#\u00e9"),
  minLength: 1,
  maxLength: 8,
});

Deno.test("a shell reads the words of a cron line as they were meant, once cron has taken its % away", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(word, { minLength: 1, maxLength: 4 }), async (words) => {
      const line = cronLine(words);
      assert.doesNotMatch(line, /(?<!\\)%/, "crontab(5): a bare % ends the line");
      const script = `printf '%s\\n' ${line.replaceAll("\\%", "%")}`;
      const { stdout } = await process.run(["/bin/dash", "-"], { stdin: script });
      assert.deepEqual(stdout.split("\n").slice(0, -1), words);
    }),
    { numRuns: 40 },
  );
});

Deno.test("words of a unit are quoted, and hold no specifier and no variable", () => {
  const argv = ["/usr/bin/lb", "--state", "/srv/100% of $HOME", 'a"b\\c', "plain%"];
  const line = '/usr/bin/lb --state "/srv/100%% of $$HOME" "a\\"b\\\\c" plain%%';
  assert.equal(unitLine(argv), line);
});

Deno.test("what would be a line of its own is refused", () => {
  for (const line of [cronLine, unitLine]) {
    assert.throws(() => line(["/bin/lb", "a\n* * * * * root evil"]), /cannot stand in a schedule/);
  }
});

Deno.test("a file is known as ours until a byte of it is another", async () => {
  const text = await marked("* * * * * root lb\n", "/var/lib/lb");
  assert.equal((await whose(text, "/var/lib/lb")).whose, "ours");
  assert.deepEqual(await whose(text, "/elsewhere"), { whose: "another", state: "/var/lib/lb" });
  assert.equal((await whose(undefined, "/var/lib/lb")).whose, "nobody");
  assert.equal((await whose("* * * * * root lb reconcile\n", "/var/lib/lb")).whose, "foreign");
  const end = text.indexOf("* * *");
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: end, max: text.length - 1 }), async (at) => {
      const other = text[at] === "x" ? "y" : "x";
      const edited = text.slice(0, at) + other + text.slice(at + 1);
      assert.equal((await whose(edited, "/var/lib/lb")).whose, "edited");
    }),
  );
});
