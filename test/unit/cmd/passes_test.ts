/** `lb reconcile --every` as a program: what comes in between its passes. */
import assert from "node:assert/strict";
import { apartTest, lbAfter, lbApart } from "./apart.ts";
import { inFolder, placed } from "./capture.ts";

/** A state in which nothing was applied yet: passes have the lock and nothing else to do. */
async function stateIn(folder: string): Promise<void> {
  const { exitCode, stderr } = await lbApart("init", "--timer", "none", ...placed(folder));
  assert.equal(exitCode, 0, stderr);
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
