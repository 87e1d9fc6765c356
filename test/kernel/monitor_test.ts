/** What lb tells those who watch it: rates, metrics, events, again and again. */
import assert from "node:assert/strict";
import { files } from "../../lib/sys/files.ts";
import { door, scaleName, serviceText } from "./config.ts";
import { kernelTests, type Lab } from "./harness.ts";
import { PATIENCE } from "./patience.ts";
import { allAnswered, apply, must, send } from "./steps.ts";

const test = kernelTests({ backends: 2 });

const WEB = { families: [4] as const, weights: [1, 1] };
const REQUESTS = 40;

/** A rate takes a sample of at least so long ago. */
const SAMPLE_AGE_MS = 5_000;

async function requests(lab: Lab): Promise<void> {
  allAnswered(await send(lab, { doors: [door(4)], count: REQUESTS }));
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** A command of lb's that goes on until it is told to end. */
function begin(lab: Lab, command: string, ...args: string[]) {
  const { traffic, topology, balancer } = lab;
  const child = traffic.program(topology.balancer, balancer.argv(command, ...args));
  return {
    line: async () => (await child.lines.next()).value as string,
    async end(signal: Deno.Signal) {
      Deno.kill(child.pid, signal);
      return await child.ended;
    },
  };
}

interface StatusText {
  readonly last_pass_at: string;
  readonly drifted: readonly string[];
  readonly services: readonly {
    readonly new_connections: number;
    readonly rates: { readonly new_per_second: number } | null;
  }[];
}

test("a pass leaves a sample, and status tells what came about a second since then", async (lab) => {
  await apply(lab, WEB);
  const before = await lab.balancer.json<StatusText>(0, "status");
  assert.equal(before.services[0]?.rates, null);
  const from_ms = performance.now();
  await must(lab, ...lab.balancer.argv("reconcile"));
  await requests(lab);
  await sleep(SAMPLE_AGE_MS + 1_000);
  const { services, last_pass_at } = await lab.balancer.json<StatusText>(0, "status");
  const elapsed_s = (performance.now() - from_ms) / 1000;
  assert.equal(services[0]?.new_connections, REQUESTS);
  const rate = services[0]?.rates?.new_per_second ?? NaN;
  assert.ok(
    rate >= REQUESTS / elapsed_s && rate <= REQUESTS * 1000 / SAMPLE_AGE_MS,
    `${rate} a second`,
  );
  assert.ok(last_pass_at > before.last_pass_at, "it had nothing to look at, and is a pass");
  const { stdout } = await lab.balancer.lb("status");
  assert.match(stdout, / new +active +new\/s\n/);
});

test("metrics tell what was sent, in a file that is whole whenever it is read", async (lab) => {
  await apply(lab, WEB);
  await requests(lab);
  const path = `${lab.topology.folder}/lb.prom`;
  const write = () => must(lab, ...lab.balancer.argv("status", "--prometheus", "--output", path));
  assert.equal(await write(), "");
  const [first, stat] = [files.read(path)!, files.stat(path)!];
  assert.equal(stat.mode & 0o7777, 0o644);
  const counted = [...first.matchAll(/^lb_backend_new_connections_total\{.*\} (\d+)$/gm)];
  assert.equal(counted.length, 2);
  assert.equal(counted.reduce((sum, [, count]) => sum + Number(count), 0), REQUESTS);
  let isWriting = true;
  const writing = Promise.all([write(), write()]).finally(() => isWriting = false);
  let reads = 0;
  while (isWriting) {
    const text = files.read(path)!;
    assert.equal(text.split("\n").length, first.split("\n").length);
    reads++;
    await sleep(1);
  }
  await writing;
  assert.ok(reads > 10, `${reads} reads`);
  const drafts = files.list(lab.topology.folder).filter((name) => name.endsWith(".new"));
  assert.deepEqual(drafts, []);
});

test("--watch looks again and again, and ends with what it saw last, or with who reads it", async (lab) => {
  await apply(lab, WEB);
  const watch = begin(lab, "status", "--json", "--watch", "200ms");
  for (let looks = 0; looks < 2; looks++) {
    assert.deepEqual((JSON.parse(await watch.line()) as StatusText).drifted, []);
  }
  await must(lab, "nft", "flush", "chain", "inet", "lb", "refuse");
  let last: StatusText;
  do last = JSON.parse(await watch.line()) as StatusText; while (last.drifted.length === 0);
  assert.deepEqual(await watch.end("SIGINT"), { code: 1, stderr: "" });
  const script = '"$@" | head -n 1';
  const argv = lab.balancer.argv("status", "--watch", "200ms");
  const { code, stdout } = await lab.balancer.run(["sh", "-c", script, "sh", ...argv], {
    timeout_ms: 20_000 * PATIENCE,
  });
  assert.equal(code, 0);
  assert.match(stdout, /^— \d{4}-.*Z\n$/);
});

interface EventText {
  readonly id: number;
  readonly kind: string;
  readonly message: string;
}

test("events are listed by kind and age, and followed as they come", async (lab) => {
  await apply(lab, WEB);
  const { balancer } = lab;
  const list = async (...args: string[]) =>
    (await balancer.json<{ events: EventText[] }>(0, "events", ...args)).events;
  const [event, ...more] = await list("--kind", "apply");
  assert.match(event!.message, /^revision 1 applied/);
  assert.deepEqual(more, []);
  assert.deepEqual(await list("--since", "2099-01-01"), []);
  const follow = begin(lab, "events", "--follow", "--json", "--kind", "apply", "--limit", "1");
  assert.deepEqual(JSON.parse(await follow.line()), event);
  await must(lab, ...balancer.argv("scale", "web", "--weight", `${scaleName(4, 0)}=5`));
  const next = JSON.parse(await follow.line()) as EventText;
  assert.match(next.message, /^revision 2 applied .*lb scale/);
  assert.ok(next.id > event!.id);
  assert.deepEqual(await follow.end("SIGTERM"), { code: 0, stderr: "" });
  const { stdout } = await balancer.lb("events", "--limit", "1", "--kind", "apply");
  assert.match(stdout, /^\d{4}-[^ ]+Z {2}apply {4}revision 2 applied [^\n]*\n$/);
});

test("on a terminal of 60 columns no line of status is longer", async (lab) => {
  const name = "a-service-with-quite-a-long-name";
  lab.balancer.writeConfig(serviceText({ name, weights: [1, 1] }));
  await lab.balancer.json(0, "apply");
  const argv = lab.balancer.argv("status", "--once").map((word) => `'${word}'`).join(" ");
  const typed = `stty cols 60 rows 15; exec ${argv}`;
  const { stdout } = await lab.balancer.run(["script", "-qec", typed, "/dev/null"], {
    env: { NO_COLOR: "1", TERM: "xterm" },
  });
  const lines = stdout.replaceAll("\r", "").trimEnd().split("\n");
  assert.ok(lines.some((line) => line.includes("198.51.100.11")), stdout);
  for (const line of lines) assert.ok([...line].length <= 60, line);
});
