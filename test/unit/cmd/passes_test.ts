/** `lb reconcile --every` as a program: what comes in between its passes. */
import assert from "node:assert/strict";
import { context } from "../../../cmd/context.ts";
import { apartTest, lbAfter, lbApart } from "./apart.ts";
import { inFolder, placed } from "./capture.ts";

/** A state in which nothing was applied yet: passes have the lock and nothing else to do. */
async function stateIn(folder: string): Promise<void> {
  const { exitCode, stderr } = await lbApart("init", "--timer", "none", ...placed(folder));
  assert.equal(exitCode, 0, stderr);
}

/** How many passes were left out, by the record. */
async function skippedIn(folder: string): Promise<number | undefined> {
  const store = await context.readStore({ state: `${folder}/state` });
  try {
    return store?.passes.last()?.skipped;
  } finally {
    store?.close();
  }
}

/** Test equipment: nft that wants the program which starts it to end, once. */
function writeSignallingNft(folder: string): void {
  const signal = `[ -e ${folder}/sent ] || { : >${folder}/sent; kill -TERM $PPID; sleep 0.3; }`;
  const script = `#!/bin/sh\n${signal}\nPATH=\${PATH#*:} exec nft "$@"\n`;
  Deno.mkdirSync(`${folder}/bin`);
  Deno.writeTextFileSync(`${folder}/bin/nft`, script, { mode: 0o755 });
}

apartTest(
  "a signal during a pass ends the passes after it, with what they have to say",
  inFolder(async (folder) => {
    await stateIn(folder);
    writeSignallingNft(folder);
    const argv = ["reconcile", "--every", "1s", "--for", "10s", "--json", ...placed(folder)];
    const { stdout, stderr } = await lbAfter(`export PATH=${folder}/bin:$PATH`, ...argv);
    assert.match(stderr, /finishing what is begun/);
    assert.equal(JSON.parse(stdout).passes, 1);
  }),
);

apartTest(
  "a run for which others leave room for no pass says who they are, exit 6, and its passes are counted",
  inFolder(async (folder) => {
    await stateIn(folder);
    const places = {
      config: `${folder}/lb.toml`,
      state: `${folder}/state`,
      runDir: `${folder}/run`,
    };
    const store = await context.openStore(places);
    store.passes.record({ at_ms: 1, drift: 0 });
    store.close();
    const times = ["--every", "300ms", "--for", "700ms"];
    const run = (...more: string[]) => lbApart("reconcile", ...times, ...more, ...placed(folder));
    const lock = await context.lock(places, 0);
    const told = await run();
    assert.equal(told.exitCode, 6);
    assert.match(told.stderr, /^lb: process \d+ .* holds the lock/);
    const skipped = await skippedIn(folder);
    assert.ok(skipped! >= 2, `${skipped}`);
    const again = await run();
    assert.deepEqual([again.exitCode, again.stderr], [6, ""], "cron mails it once");
    const json = await run("--json");
    assert.equal(json.exitCode, 6);
    assert.equal(JSON.parse(json.stdout).error.code, "busy");
    lock.release();
  }),
);
