/** Who is told of what happens, from the real command line. */
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { kernelTests, type Lab } from "./harness.ts";
import { applied, pass, status, type Told, web, withServers } from "./health_rig.ts";
import { must } from "./steps.ts";

const test = kernelTests({ backends: 3 });

const PORT = 9999;
const EVERY_SECOND = ["--every", "1s", "--for", "4s"];
const SECRET = "correct horse battery staple";
const RECEIVER = new URL("./receiver_inside.ts", import.meta.url).pathname;

interface Message {
  readonly kind: string;
  readonly message: string;
  readonly backend: string | null;
}

/** A program that writes down what it is handed. */
function teller({ topology: { folder } }: Lab): string {
  const path = `${folder}/tell`;
  Deno.writeTextFileSync(path, `#!/bin/sh\ncat >>${folder}/told\n`);
  Deno.chmodSync(path, 0o755);
  return path;
}

function told({ topology: { folder } }: Lab): Message[] {
  const lines = Deno.readTextFileSync(`${folder}/told`).trimEnd().split("\n");
  return lines.map((line) => JSON.parse(line) as Message);
}

test("a program hears of a backend that dies and of a rule that was deleted, once; passes print as before", (lab) =>
  withServers(lab, async ({ stop }) => {
    const notify = `[notify]\nprogram = ["${teller(lab)}"]\n\n`;
    await applied(lab, notify + web("fall = 1"));
    await stop(0);
    const fallen = await pass(lab);
    assert.match(fallen.stdout, /^! web 198\.51\.100\.11:9090 is unhealthy: .*\n$/);
    await must(lab, "nft", "flush", "chain", "inet", "lb", "b-2");
    await pass(lab);
    await pass(lab);
    const messages = told(lab);
    assert.deepEqual(messages.map(({ kind }) => kind), ["health", "drift"]);
    assert.equal(messages[0]!.backend, "198.51.100.11:9090");
    assert.equal(`! ${messages[0]!.message}\n`, fallen.stdout);
    assert.match(messages[1]!.message, /^chain b-2 /);
    const { balancer, topology } = lab;
    assert.equal((await balancer.lb("uninstall", "--yes", "--purge")).code, 0);
    assert.throws(() => Deno.statSync(`${topology.folder}/state`), "telling makes no new state");
  }));

test("no pass waits for a receiver that does not answer, and lb ends in time", (lab) =>
  withServers(lab, async ({ stop }) => {
    // Nobody has this address: the kernel asks for its neighbour for three seconds.
    const notify = '[notify]\nwebhook = "http://198.51.100.250/"\n\n';
    await applied(lab, notify + web('fall = 1\ninterval = "1s"\ntimeout = "500ms"'));
    await stop(0);
    const begin_ms = performance.now();
    const { balancer } = lab;
    const { passes, skipped } = await balancer.json<Told>(1, "reconcile", ...EVERY_SECOND);
    const took_ms = performance.now() - begin_ms;
    assert.deepEqual([passes, skipped], [5, 0]);
    assert.ok(took_ms < 8_000, `${took_ms} ms`);
    const { code, stdout } = await balancer.lb("notify");
    assert.deepEqual([code, /webhook: 0 told, [1-9] waiting/.test(stdout)], [1, true], stdout);
  }));

test("a webhook that answers 500 is told later, signed; meanwhile status says so", (lab) =>
  withServers(lab, async ({ stop }) => {
    const { balancer, topology, traffic } = lab;
    const secret_file = `${topology.folder}/key`;
    Deno.writeTextFileSync(secret_file, SECRET, { mode: 0o600 });
    const url = `http://127.0.0.1:${PORT}/`;
    const argv = [Deno.execPath(), "run", "-A", "--quiet", "--no-check", RECEIVER, `${PORT}`];
    const receiver = traffic.program(topology.balancer, argv);
    try {
      await receiver.lines.next();
      const notify = `[notify]\nwebhook = "${url}"\nsecret_file = "${secret_file}"\n\n`;
      await applied(lab, notify + web("fall = 1"));
      await stop(0);
      await pass(lab);
      const refused = JSON.parse((await receiver.lines.next()).value!);
      await status(lab, 1);
      const { code, stdout } = await balancer.lb("notify");
      assert.match(
        stdout,
        /^! webhook: 0 told, 1 waiting, 0 given up; the last try failed: status 500\n$/,
      );
      assert.equal(code, 1);
      // Its time comes after ten seconds.
      await balancer.lb("reconcile", "--every", "2s", "--for", "14s");
      const taken = JSON.parse((await receiver.lines.next()).value!);
      assert.equal(JSON.parse(taken.body).id, JSON.parse(refused.body).id);
      const signed = createHmac("sha256", SECRET).update(taken.body).digest("hex");
      assert.equal(taken.signature, `sha256=${signed}`);
      assert.match((await balancer.lb("notify")).stdout, /^webhook: 1 told, 0 waiting/);
      const trial = await balancer.lb("notify", "--test");
      assert.match(trial.stdout, /^webhook http:\/\/127\.0\.0\.1:9999: told in \d+ ms\n$/);
    } finally {
      receiver.kill();
      await receiver.ended;
    }
  }));
