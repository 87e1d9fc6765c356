/** What `lb status` and `lb events` tell those who watch, before there is anything to tell. */
import assert from "node:assert/strict";
import { inFolder, lb, placed } from "./capture.ts";

function rootTest(name: string, fn: () => Promise<void>): void {
  Deno.test({ name, fn, ignore: Deno.uid() !== 0 });
}

rootTest(
  "status is JSON or metrics, and what cannot be written to is said",
  inFolder(async (folder) => {
    const both = await lb("status", "--json", "--prometheus", ...placed(folder));
    assert.equal(both.exitCode, 2);
    assert.match(both.stdout, /either --json or --prometheus/);
    const output = `${folder}/nowhere/lb.prom`;
    const { exitCode, stderr } = await lb("status", "--output", output, ...placed(folder));
    assert.equal(exitCode, 5);
    assert.match(stderr, /nowhere\/lb\.prom: nothing can be made there/);
    const there = ["status", "--output", `${folder}/status.txt`];
    assert.deepEqual(await lb(...there, ...placed(folder)), {
      exitCode: 0,
      stdout: "",
      stderr: "",
    });
    assert.match(Deno.readTextFileSync(`${folder}/status.txt`), /^Nothing was applied yet.*\n$/);
  }),
);

rootTest(
  "events before anything was applied are none, also as JSON",
  inFolder(async (folder) => {
    assert.deepEqual(await lb("events", ...placed(folder)), {
      exitCode: 0,
      stdout: "",
      stderr: "",
    });
    const { exitCode, stdout } = await lb("events", "--json", ...placed(folder));
    assert.equal(exitCode, 0);
    assert.deepEqual(JSON.parse(stdout), { events: [] });
  }),
);
