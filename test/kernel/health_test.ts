/** Health with real backends: what checks find, and where new connections go then. */
import assert from "node:assert/strict";
import { backendAddress } from "../../lib/demo/layout.ts";
import { serviceText } from "./config.ts";
import { kernelTests } from "./harness.ts";
import {
  applied,
  diesUnderLoad,
  DOOR,
  pass,
  shares,
  status,
  stopsAndReturns,
  type Told,
  web,
  withoutNetwork,
  withServers,
} from "./health_rig.ts";
import { PATIENCE } from "./patience.ts";
import { LONG, must } from "./steps.ts";

const test = kernelTests({ backends: 3 });
const test4 = kernelTests({ backends: 4 });

for (const engine of ["nft", "nfqueue"]) {
  test(
    `a backend that stops listening gets no new connection after fall passes, and some after rise, on ${engine}`,
    (lab) => stopsAndReturns(lab, engine),
  );
}

test("apply never sends to a new backend that is dead, and says so", (lab) =>
  withServers(lab, async ({ stop }) => {
    await stop(1);
    const { health, unwell } = await applied(lab, web(), 1);
    assert.equal(health?.length, 1);
    assert.match(
      health[0]!.message,
      /^web 198\.51\.100\.12:9090 gets no connections yet: .*refused/i,
    );
    assert.equal(unwell?.length, 1);
    assert.deepEqual(Object.keys(await shares(lab)).sort(), ["s1", "s3"]);
  }));

test("where more fail at once than is believed the set stays, and nothing flaps when they are back", (lab) =>
  withServers(lab, async ({ start, stop }) => {
    await applied(lab, web("fall = 1"));
    await stop(0);
    await stop(1);
    const { code, stdout } = await pass(lab);
    assert.equal(code, 1);
    assert.match(stdout, /^! web: 2 of 3 backends failed within one pass, which is not believed/);
    const service = await status(lab, 1);
    assert.notEqual(service.panic_since, null);
    assert.deepEqual(service.backends.map(({ effective_weight }) => effective_weight), [1, 1, 1]);
    await start(0);
    await start(1);
    const words = "! web: no panic any more, checks are believed again\n";
    assert.deepEqual(await pass(lab), { code: 0, stdout: words });
    assert.equal(Object.keys(await shares(lab)).length, 3);
  }));

test4(
  "the network to most backends is cut at once: nobody leaves; to half of them: those leave, and come back",
  async (lab) => {
    const { traffic, topology } = lab;
    const health = '[service.health]\ntimeout = "300ms"\nfall = 1\nrise = 1';
    await applied(lab, serviceText({ families: [4], weights: [1, 1, 1, 1], more: health }));
    const cut = (count: number) =>
      withoutNetwork(topology, topology.backends.slice(0, count), () => pass(lab));
    const downloads = await traffic.download(topology.client, {
      doors: DOOR,
      count: 20,
      seconds: LONG,
    });
    const most = await cut(3);
    assert.equal(most.code, 1);
    assert.match(
      most.stdout,
      /^! web: 3 of 4 backends failed within one pass, which is not believed/,
    );
    const weights = (await status(lab, 1)).backends.map(({ effective_weight }) => effective_weight);
    assert.deepEqual(weights, [1, 1, 1, 1]);
    const healed = "! web: no panic any more, checks are believed again\n";
    assert.deepEqual(await pass(lab), { code: 0, stdout: healed });
    assert.equal(Object.keys(await shares(lab)).length, 4);
    const half = await cut(2);
    assert.equal(half.stdout.match(/ is unhealthy: /g)?.length, 2, half.stdout);
    assert.deepEqual(Object.keys(await shares(lab)).sort(), ["b3", "b4"]);
    assert.equal((await pass(lab)).stdout.match(/ is healthy again/g)?.length, 2);
    assert.equal(Object.keys(await shares(lab)).length, 4);
    assert.deepEqual(await pass(lab), { code: 0, stdout: "" });
    assert.equal((await downloads.finish()).broken, 0, "what was established outlasts it");
  },
);

test("a backup enters when no primary is healthy, and leaves when one is back", (lab) =>
  withServers(lab, async ({ start, stop }) => {
    const backend_more = [undefined, undefined, "backup = true"];
    await applied(lab, web("fall = 1\nrise = 1", { backend_more }));
    assert.deepEqual(Object.keys(await shares(lab)).sort(), ["s1", "s2"]);
    await stop(0);
    await stop(1);
    assert.match((await pass(lab)).stdout, /^! web: no primary is healthy: backups take over$/m);
    assert.deepEqual(await shares(lab, 10), { s3: 10 });
    await start(0);
    assert.match((await pass(lab)).stdout, /^! web: a primary is healthy again: backups leave$/m);
    assert.deepEqual(await shares(lab, 10), { s1: 10 });
  }));

/** Backends behind ports where everything is dropped, at the first backend's address. */
const SILENT = 60;

/** One after the other they would take a minute. What it takes on a machine at rest is in docs/performance.md. */
const LONG_MS = 15_000;

test("a pass over backends that drop everything takes no longer than their time-out, and a little", async (lab) => {
  const { topology } = lab;
  const inside = (...argv: string[]) => topology.run(topology.backends[0]!, ["nft", ...argv]);
  const rule =
    "add table inet silent; add chain inet silent c { type filter hook input priority 0; }; " +
    "add rule inet silent c tcp dport 20000-20999 drop";
  await inside(rule);
  try {
    const backends = Array.from(
      { length: SILENT },
      (_, index) =>
        `[[service.backend]]\naddress = "${backendAddress(4, 0)}"\nport = ${20_000 + index}\n`,
    );
    const timeout_ms = 1_000;
    const { balancer } = lab;
    balancer.writeConfig(web(`timeout = "${timeout_ms}ms"`) + backends.join(""));
    const begin_ms = performance.now();
    await balancer.lb("apply");
    const apply_ms = performance.now() - begin_ms;
    assert.ok(apply_ms < LONG_MS * PATIENCE, `apply took ${apply_ms} ms`);
    await balancer.lb("reconcile");
    const pass_ms = performance.now() - begin_ms - apply_ms;
    assert.ok(pass_ms < LONG_MS * PATIENCE, `the pass took ${pass_ms} ms`);
  } finally {
    await inside("delete table inet silent");
  }
});

for (const engine of ["nft", "nfqueue"]) {
  test(
    `passes every second: a dead backend is out after fall seconds and one, connections to the others go on, on ${engine}`,
    (lab) => diesUnderLoad(lab, engine),
  );
}

test("what cannot be brought about is told once, not each minute, and again when it has come back", (lab) =>
  withServers(lab, async () => {
    const { balancer } = lab;
    const minute = async () => {
      const { stdout, stderr } = await balancer.lb("reconcile", "--every", "1s", "--for", "1s");
      return `${stdout}${stderr}`;
    };
    const plug = async () => {
      await must(lab, "ip", "link", "add", "late0", "type", "veth", "peer", "late1");
      await must(lab, "ip", "link", "set", "late0", "up");
    };
    await plug();
    await applied(lab, web("", { more: 'vip_on = "late0"' }));
    for (let time = 0; time < 2; time++) {
      await must(lab, "ip", "link", "delete", "late0");
      assert.match(await minute(), /^attention: .*late0/m);
      assert.equal(await minute(), "");
      await plug();
      assert.match(await minute(), /late0 203\.0\.113\.10/);
    }
    await must(lab, "ip", "link", "delete", "late0");
  }));

test("a pass for which another run leaves no room is left out and counted", (lab) =>
  withServers(lab, async () => {
    await applied(lab, web());
    const { balancer, topology, traffic } = lab;
    const words = ["sh", "-c", "echo held; exec sleep 3"];
    const holder = traffic.program(topology.balancer, [
      "flock",
      `${topology.folder}/run/lock`,
      ...words,
    ]);
    await holder.lines.next();
    const told = await balancer.json<Told>(0, "reconcile", "--every", "1s", "--for", "6s");
    await holder.ended;
    assert.ok(told.skipped! >= 1 && told.passes! >= 1, JSON.stringify(told));
    const { skipped_passes } = await balancer.json<{ skipped_passes: number }>(0, "status");
    assert.equal(skipped_passes, told.skipped);
  }));
