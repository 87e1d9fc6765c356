import assert from "node:assert/strict";
import type { DemoResult } from "../../lib/demo/demo.ts";
import { children } from "../../lib/sys/children.ts";
import type { Child } from "../../lib/sys/ports.ts";
import { process } from "../../lib/sys/process.ts";
import { able } from "./able.ts";
import { LB } from "./harness.ts";

type Argv = [string, ...string[]];

const DEMO = [...LB, "demo"] as unknown as Argv;

/** Namespaces and folders of one run. */
function leftOf(pid: number): string[] {
  const names = ["/run", "/run/netns"].flatMap((folder) =>
    Array.from(Deno.readDirSync(folder), ({ name }) => name)
  );
  return names.filter((name) => name.startsWith(`lb-${pid}-`));
}

/** The machine's own network: no demo may touch it. */
async function ownNetwork(): Promise<string> {
  const looks: Argv[] = [
    ["ip", "-oneline", "address", "show"],
    ["ip", "route", "show", "table", "all"],
    ["nft", "--stateless", "list", "ruleset"],
    ["sysctl", "net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"],
  ];
  return (await Promise.all(looks.map((argv) => process.run(argv)))).map((one) => one.stdout)
    .join();
}

/** Waits for the end of a program that we left running. */
async function endOf(child: Child) {
  const stdout = (await Array.fromAsync(child.lines)).join("\n");
  await child.closeInput();
  return { stdout, ...await child.ended };
}

async function eventually(what: string, holds: () => boolean): Promise<void> {
  for (let attempt = 0; attempt < 100 && !holds(); attempt++) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.ok(holds(), what);
}

function test(name: string, act: () => Promise<void>): void {
  Deno.test({ ...able(name), fn: act });
}

test("lb demo shows all it promises, in less than a minute, and leaves nothing", async () => {
  const before = await ownNetwork();
  const demo = children.spawn([...DEMO, "--json"] as unknown as Argv);
  const { code, stdout, stderr } = await endOf(demo);
  assert.equal(code, 0, stderr);
  const result = JSON.parse(stdout) as DemoResult;
  assert.deepEqual(
    [result.ok, result.engine, result.requests, result.failed],
    [true, "nft", 1_000, 0],
  );
  assert.deepEqual(result.per_backend, { b1: 500, b2: 300, b3: 200 });
  assert.deepEqual(
    result.steps.map(({ name }) => name),
    ["build", "apply", "requests", "scale", "remove", "repair", "uninstall"],
  );
  assert.ok(result.steps.reduce((sum, { ms }) => sum + ms, 0) < 60_000);
  assert.deepEqual(leftOf(demo.pid), []);
  assert.equal(await ownNetwork(), before);
});

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  test(`lb demo that gets ${signal} cleans up and ends with 1`, async () => {
    const demo = children.spawn(DEMO);
    await eventually("it has begun", () => leftOf(demo.pid).length >= 7);
    Deno.kill(demo.pid, signal);
    const { code, stderr } = await endOf(demo);
    assert.equal(code, 1, stderr);
    assert.deepEqual(leftOf(demo.pid), []);
  });
}

test("the next lb demo removes what one that was killed has left, --keep or not", async () => {
  const demo = children.spawn([...DEMO, "--keep"] as unknown as Argv);
  await eventually("it has begun", () => leftOf(demo.pid).length >= 7);
  demo.kill();
  await endOf(demo);
  assert.ok(leftOf(demo.pid).length > 0, "kill -9 left nothing: nothing was shown");
  assert.equal((await process.run(DEMO)).code, 0);
  assert.deepEqual(leftOf(demo.pid), []);
});

test("lb demo --keep leaves a balancer that works, and says how to enter it", async () => {
  const demo = children.spawn([...DEMO, "--keep"] as unknown as Argv);
  const { code, stderr } = await endOf(demo);
  assert.equal(code, 0, stderr);
  const enter: Argv = ["ip", "netns", "exec", `lb-${demo.pid}-cli`];
  assert.ok(stderr.includes(enter.join(" ")), stderr);
  const answer = await process.run([...enter, "curl", "-s", "-m", "5", "http://203.0.113.10/"]);
  assert.match(answer.stdout, /^b[123]\n$/);
  const remove = /^ {2}(for n in .*)$/m.exec(stderr)?.[1];
  assert.ok(remove, stderr);
  const removed = await process.run(["bash"], { stdin: remove });
  assert.equal(removed.code, 0, removed.stderr);
  assert.deepEqual(leftOf(demo.pid), []);
});

test("an engine that is not built ends with 4, before anything is built", async () => {
  const { code, stderr } = await process.run([...DEMO, "--engine", "ipvs"] as unknown as Argv);
  assert.equal(code, 4, stderr);
});
