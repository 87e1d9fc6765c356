import assert from "node:assert/strict";
import { type DemoListener, type DemoMachine, startDemo } from "../../../lib/demo/demo.ts";
import { runRole } from "../../../lib/demo/role/run.ts";
import { LbError } from "../../../lib/model/error.ts";
import type { FilesPort, RunResult } from "../../../lib/sys/ports.ts";

const OK: RunResult = { code: 0, stdout: "", stderr: "" };

/** A machine on which every program answers the same; it remembers what was run. */
function machine(answer: (argv: readonly string[]) => RunResult) {
  const ran: string[] = [];
  const files: Partial<FilesPort> = {
    stat: () => undefined,
    list: () => [],
    mkdir: () => {},
    read: () => "6.1.0\n",
    replace: () => {},
  };
  const fake: DemoMachine = {
    process: {
      run(argv) {
        ran.push(argv.join(" "));
        return Promise.resolve().then(() => answer(argv));
      },
    },
    children: {
      spawn: () => {
        throw new LbError("kernel-refused", "no child today");
      },
    },
    files: files as FilesPort,
    clock: { now_ms: () => 0, sleep: () => Promise.resolve() },
    self: ["lb"],
    pid: 7,
  };
  return { fake, ran };
}

const SILENT: DemoListener = { onStart() {}, onProgress() {}, onEnd() {} };
const OPTIONS = { engine: "auto" as const, keep: false };

Deno.test("a demo that fails says at which step and why, and removes all it made", async () => {
  const { fake, ran } = machine(() => OK);
  const result = await startDemo(fake, OPTIONS, SILENT).result;
  assert.equal(result.ok, false);
  assert.equal(result.kernel, "6.1.0");
  assert.deepEqual(result.steps, [{ name: "build", ok: false, detail: "no child today", ms: 0 }]);
  for (const name of ["cli", "lb", "net", "b1", "b2", "b3"]) {
    assert.ok(ran.includes(`ip netns delete lb-7-${name}`), name);
  }
  assert.ok(ran.includes("rm -rf -- /run/lb-7-files"));
});

Deno.test("a machine that lets us build nothing is an error, and nothing is left", async () => {
  const { fake, ran } = machine((argv) => {
    if (argv.includes("-batch")) return { code: 1, stdout: "", stderr: "Operation not permitted" };
    return OK;
  });
  const { steps, ok } = await startDemo(fake, OPTIONS, SILENT).result;
  assert.equal(ok, false);
  assert.match(steps[0]!.detail, /Operation not permitted/);
  assert.ok(ran.includes("ip netns delete lb-7-lb"));
});

Deno.test("a missing program is said as such, not as a step that did not hold", async () => {
  const { fake } = machine(() => {
    throw new LbError("unsupported", "cannot run ip: install iproute2");
  });
  await assert.rejects(startDemo(fake, OPTIONS, SILENT).result, /install iproute2/);
});

Deno.test("an interrupted demo keeps nothing, even with --keep", async () => {
  const { fake, ran } = machine(() => OK);
  const demo = startDemo(fake, { ...OPTIONS, keep: true }, SILENT);
  demo.interrupt();
  const { ok, steps } = await demo.result;
  assert.deepEqual([ok, steps.at(-1)?.detail], [false, "interrupted"]);
  assert.ok(ran.includes("ip netns delete lb-7-lb"));
  assert.equal(demo.topology(), undefined);
});

Deno.test("what is no role is a usage error", async () => {
  for (const text of ["", "x", "null", "{}", '{"role":"x"}']) {
    await assert.rejects(
      runRole(text),
      (error) => error instanceof LbError && error.code === "usage",
    );
  }
});
