import assert from "node:assert/strict";
import { process } from "../../../lib/sys/process.ts";

const MAIN = new URL("../../../main.ts", import.meta.url).pathname;

Deno.test("the unit for systemd runs the lb that is installed there", async () => {
  const lb = [Deno.execPath(), "run", "--quiet", "--no-prompt", "-A", MAIN] as const;
  const { code, stdout } = await process.run([...lb, "queue", "--unit", "/opt/lb/bin/lb"]);
  assert.equal(code, 0);
  assert.match(stdout, /^Type=notify$/m);
  assert.deepEqual(stdout.match(/^Exec.*$/gm), [
    "ExecStart=/opt/lb/bin/lb queue --run-dir /run/lb",
    "ExecReload=/bin/kill -HUP $MAINPID",
  ]);
});
