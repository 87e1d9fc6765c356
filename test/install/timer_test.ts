import assert from "node:assert/strict";
import { executableIn, release } from "./built.ts";
import { forRoot, makeMachine, names } from "./machine.ts";

const INSTALL = new URL("../../install.sh", import.meta.url).pathname;

Deno.test({
  ...forRoot(
    "what the executable has cron run is itself; install.sh --uninstall removes that, the state gone or not",
  ),
  async fn() {
    const machine = makeMachine();
    const { folder, bin } = machine;
    const env = {
      LB_CRON: `${folder}/cron.d`,
      LB_UNITS: `${folder}/units`,
      LB_SYSTEMD: `${folder}/none`,
      LB_CONFIG: `${folder}/lb.toml`,
      LB_RUN: `${folder}/run`,
    };
    const options = ["--prefix", `${folder}/usr`, "--uninstall"];
    try {
      Deno.mkdirSync(env.LB_CRON);
      Deno.mkdirSync(`${folder}/usr/bin`, { recursive: true });
      Deno.copyFileSync(executableIn(await release()), bin);
      for (const isGone of [false, true]) {
        const init = ["unshare", "--net", bin, "init", "--timer", "cron"] as const;
        const { code, err } = await machine.run(init, env);
        assert.equal(code, 0, err);
        const text = Deno.readTextFileSync(`${env.LB_CRON}/lb`);
        const command =
          `/usr/bin/env LB_CACHE=${machine.cache} ${bin} reconcile --config ${folder}/lb.toml`;
        assert.ok(text.includes(`* * * * * root ${command} `), text);
        if (isGone) Deno.removeSync(`${folder}/state`, { recursive: true });
        const removed = await machine.run(["unshare", "--net", INSTALL, ...options], env);
        assert.equal(removed.code, 0, removed.err);
        assert.deepEqual(names(env.LB_CRON), []);
        Deno.copyFileSync(executableIn(await release()), bin);
      }
    } finally {
      machine.remove();
    }
  },
});
