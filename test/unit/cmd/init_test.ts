/** `lb init` with nobody to ask. */
import assert from "node:assert/strict";
import { apartTest, lbApart } from "./apart.ts";
import { inFolder, placed } from "./capture.ts";

/** A service by flags; nobody listens there. */
const FIRST = ["--vip", "203.0.113.10", "--port", "80", "--backend", "198.51.100.11:80"];

apartTest(
  "without a terminal init asks nothing: flags are a service, and what does not answer is told",
  inFolder(async (folder) => {
    const { exitCode, stderr } = await lbApart("init", ...FIRST, ...placed(folder));
    assert.equal(exitCode, 0, stderr);
    assert.match(stderr, /^! 198\.51\.100\.11:80: .*unreachable/m);
    assert.match(stderr, /Wrote .*lb\.toml\.\n/);
    const text = Deno.readTextFileSync(`${folder}/lb.toml`);
    assert.match(text, /^vip = \["203\.0\.113\.10"\] /m);
    const again = await lbApart("init", ...FIRST, "--json", ...placed(folder));
    const { config_written, backends, applied } = JSON.parse(again.stdout);
    assert.deepEqual([again.exitCode, config_written, applied], [0, false, null]);
    assert.deepEqual([backends[0].backend, backends[0].ok], ["198.51.100.11:80", false]);
    const other = await lbApart("init", ...FIRST, "--scheduler", "rr", ...placed(folder));
    assert.deepEqual([other.exitCode, other.stdout], [2, ""]);
    assert.match(other.stderr, /is there already and says something else/);
    assert.equal(Deno.readTextFileSync(`${folder}/lb.toml`), text);
  }),
);

/** Rows of: flags of a service that cannot be, the exit code, and what is said. */
const IMPOSSIBLE: readonly (readonly [flags: readonly string[], exitCode: number, RegExp])[] = [
  [["--vip", "203.0.113.300"], 3, /not written yet:\d+:\d+: .*found the string "203\.0\.113\.300"/],
  [["--service", "My Web"], 3, /did you mean `my-web`/],
  [["--port", "90-80"], 3, /ports: expected/],
  [["--engine", "relay"], 4, /relay/],
];

for (const [flags, wanted, words] of IMPOSSIBLE) {
  apartTest(
    `init ${flags.join(" ")} is exit ${wanted}, and nothing was written`,
    inFolder(async (folder) => {
      const { exitCode, stdout, stderr } = await lbApart(
        ...["init", ...FIRST, ...flags, ...placed(folder)],
      );
      assert.deepEqual([exitCode, stdout], [wanted, ""], stderr);
      assert.match(stderr, words);
      assert.deepEqual([...Deno.readDirSync(folder)], []);
    }),
  );
}
