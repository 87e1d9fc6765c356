/** Health with real backends: what checks find, and where new connections go then. */
import assert from "node:assert/strict";
import { backendAddress } from "../../lib/demo/layout.ts";
import type { Backend } from "../../lib/demo/traffic.ts";
import { door, type ServiceText, serviceText } from "./config.ts";
import { kernelTests, type Lab } from "./harness.ts";
import { PATIENCE } from "./patience.ts";
import { allAnswered, must, send } from "./steps.ts";

const test = kernelTests({ backends: 3 });

/** Where the servers of these tests listen: each is started and stopped by the test that needs it. */
const PORT = 9090;

const DOOR = [door(4)];

/** A web service whose three backends are checked; `health` is put below `[service.health]`. */
function web(health = "", service: Partial<ServiceText> = {}): string {
  const { more = "", ...rest } = service;
  return serviceText({
    families: [4],
    weights: [1, 1, 1],
    port: PORT,
    more: `${more}\n[service.health]\n${health}`,
    ...rest,
  });
}

/** Servers of the test's own, by index; those that still run are stopped in the end. */
async function withServers(
  lab: Lab,
  work: (servers: {
    start(index: number): Promise<void>;
    stop(index: number): Promise<void>;
  }) => Promise<void>,
): Promise<void> {
  const running = new Map<number, Backend>();
  const start = async (index: number) => {
    const spec = { name: `s${index + 1}`, tcp: [PORT], udp: [] };
    running.set(index, await lab.traffic.serve(lab.topology.backends[index]!, spec));
  };
  const stop = async (index: number) => {
    await running.get(index)?.stop();
    running.delete(index);
  };
  try {
    await Promise.all([0, 1, 2].map(start));
    await work({ start, stop });
  } finally {
    await Promise.all([...running.keys()].map(stop));
  }
}

/** `lb apply`, which has to end with this exit code. @returns what it told */
async function applied({ balancer }: Lab, text: string, code = 0): Promise<Told> {
  balancer.writeConfig(text);
  return await balancer.json<Told>(code, "apply");
}

/** A pass, as cron runs it. */
async function pass({ balancer }: Lab): Promise<{ code: number; stdout: string }> {
  const { code, stdout, stderr } = await balancer.lb("reconcile");
  assert.equal(stderr, "");
  return { code, stdout };
}

interface Told {
  readonly health?: readonly { readonly kind: string; readonly message: string }[];
  readonly unwell?: readonly string[];
  readonly passes?: number;
}

interface StatusText {
  readonly services: readonly {
    readonly panic_since: string | null;
    readonly backends: readonly {
      readonly health: string;
      readonly health_reason: string;
      readonly check_ms: number | null;
      readonly effective_weight: number;
    }[];
  }[];
}

async function status({ balancer }: Lab, code: number): Promise<StatusText["services"][0]> {
  return (await balancer.json<StatusText>(code, "status")).services[0]!;
}

/** Who answers how many of so many requests; all of them have to be answered. */
async function shares(lab: Lab, count = 60): Promise<Readonly<Record<string, number>>> {
  const result = await send(lab, { doors: DOOR, count });
  allAnswered(result);
  return result.per_backend;
}

for (const engine of ["nft", "nfqueue"]) {
  test(`a backend that stops listening gets no new connection after fall passes, and some after rise, on ${engine}`, (lab) =>
    withServers(lab, async ({ start, stop }) => {
      await applied(lab, web("", { more: `engine = "${engine}"` }));
      assert.deepEqual(await pass(lab), { code: 0, stdout: "" });
      await stop(0);
      for (let failed = 1; failed < 3; failed++) {
        assert.deepEqual(await pass(lab), { code: 0, stdout: "" });
      }
      const fallen = await pass(lab);
      assert.match(
        fallen.stdout,
        /^! web 198\.51\.100\.11:9090 is unhealthy: .*refused.* \(3 failed checks\)\n$/i,
      );
      assert.equal(fallen.code, 1);
      assert.deepEqual(Object.keys(await shares(lab)).sort(), ["s2", "s3"]);
      const [first] = (await status(lab, 1)).backends;
      assert.deepEqual([first?.health, first?.effective_weight], ["unhealthy", 0]);
      assert.match(first?.health_reason ?? "", /refused/i);
      assert.deepEqual(await pass(lab), { code: 1, stdout: "" }, "nothing new is nothing to mail");
      await start(0);
      assert.deepEqual(await pass(lab), { code: 1, stdout: "" });
      const back = await pass(lab);
      const words = "! web 198.51.100.11:9090 is healthy again (2 good checks)\n";
      assert.deepEqual(back, { code: 0, stdout: words });
      assert.deepEqual(Object.keys(await shares(lab)).sort(), ["s1", "s2", "s3"]);
      assert.ok((await status(lab, 0)).backends.every(({ check_ms }) => check_ms! > 0));
    }));
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
    assert.ok(apply_ms < (timeout_ms + 3_000) * PATIENCE, `apply took ${apply_ms} ms`);
    await balancer.lb("reconcile");
    const pass_ms = performance.now() - begin_ms - apply_ms;
    assert.ok(pass_ms < (timeout_ms + 3_000) * PATIENCE, `the pass took ${pass_ms} ms`);
  } finally {
    await inside("delete table inet silent");
  }
});

test("passes every second: a dead backend is out after fall seconds and one, and no other command waits", (lab) =>
  withServers(lab, async ({ stop }) => {
    await applied(lab, web('interval = "1s"\ntimeout = "500ms"'));
    const { balancer } = lab;
    const passes = balancer.json<Told>(1, "reconcile", "--every", "1s", "--for", "8s");
    await stop(0);
    await new Promise((wake) => setTimeout(wake, 4_500 * PATIENCE));
    assert.deepEqual(Object.keys(await shares(lab)).sort(), ["s2", "s3"]);
    await must(lab, ...balancer.argv("scale", "web", "--weight", "198.51.100.12=2", "--plan"));
    const { passes: count, health } = await passes;
    assert.equal(health?.length, 1);
    assert.ok(count! >= 7 / PATIENCE, `${count} passes`);
  }));
