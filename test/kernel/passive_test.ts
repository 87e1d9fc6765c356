/** Health by what becomes of connections, where checks find nothing: they ask at another port. */
import assert from "node:assert/strict";
import { backendAddress } from "../../lib/demo/layout.ts";
import { FAMILIES, type Family } from "../../lib/model/address.ts";
import { door, serviceText } from "./config.ts";
import { kernelTests, type Lab } from "./harness.ts";
import { status, type Told } from "./health_rig.ts";
import { PATIENCE } from "./patience.ts";

/** Where clients are served, and where checks ask. */
const [PORT, CHECKED] = [8080, 8000];

/** What goes wrong at the first backend and at the second, in their own rules, and what is told of it. */
const FAULTS = [
  { rule: "tcp flags & (syn | ack) == syn drop", words: "not answered" },
  { rule: "tcp flags & (syn | ack) == ack reject with tcp reset", words: "reset" },
] as const;

/** Far more than the few that tell nothing. */
const PER_SECOND = 60;

/** The first look only counts, a connection is not answered for a second; then `fall` looks. */
const PASSES = 7;

/** Between two passes. */
const EVERY = `${PATIENCE}s`;

function passes(count: number): [string, ...string[]] {
  return ["reconcile", "--every", EVERY, "--for", `${count * PATIENCE}s`];
}

function config(engine: string, family: Family): string {
  return serviceText({
    families: [family],
    weights: [1, 1, 1],
    port: PORT,
    more: `engine = "${engine}"
[service.health]
port = ${CHECKED}
passive = true
panic = 0
interval = "${EVERY}"
fall = 2
rise = 100
`,
  });
}

/** In the backend's own rules. */
async function breakBackend({ topology }: Lab, index: number, rule: string): Promise<void> {
  const { code, stderr } = await topology.run(topology.backends[index]!, [
    "nft",
    "add table inet fault; add chain inet fault c { type filter hook input priority 0; }; " +
    `add rule inet fault c tcp dport ${PORT} ${rule}`,
  ]);
  assert.equal(code, 0, stderr);
}

async function fallByTraffic(lab: Lab, engine: string, family: Family): Promise<void> {
  const { balancer, topology, traffic } = lab;
  balancer.writeConfig(config(engine, family));
  await balancer.json(0, "apply");
  const stream = await traffic.steady(topology.client, {
    doors: [door(family)],
    per_second: PER_SECOND / PATIENCE,
    seconds_max: 60 * PATIENCE,
    timeout_ms: 1_500 * PATIENCE,
  });
  try {
    const quiet = await balancer.json<Told>(0, ...passes(2));
    assert.equal(quiet.health, undefined, "nobody fails");
    await Promise.all(FAULTS.map(({ rule }, index) => breakBackend(lab, index, rule)));
    const told = await balancer.json<Told>(1, ...passes(PASSES));
    const messages = (told.health ?? []).map(({ message }) => message).sort();
    assert.equal(messages.length, FAULTS.length, messages.join());
    for (const [index, { words }] of FAULTS.entries()) {
      const address = backendAddress(family, index);
      const name = family === 4 ? `${address}:${PORT}` : `[${address}]:${PORT}`;
      assert.ok(messages[index]!.startsWith(`web ${name} is unhealthy: `), messages[index]);
      const reason = new RegExp(`: \\d+ of \\d+ new connections were ${words} \\(2 failed`);
      assert.match(messages[index]!, reason);
    }
    const { backends } = await status(lab, 1);
    assert.deepEqual(backends.map(({ health }) => health), ["unhealthy", "unhealthy", "healthy"]);
    assert.deepEqual(backends.map(({ effective_weight }) => effective_weight), [0, 0, 1]);
  } finally {
    for (const index of FAULTS.keys()) {
      await topology.run(topology.backends[index]!, ["nft", "delete table inet fault"]);
    }
    await stream.stop();
  }
}

const WHAT = "who drops or resets connections falls though its checks succeed, and no other does";

const nft = kernelTests({ backends: 3 });
for (const family of FAMILIES) {
  nft(`${WHAT}, on nft, IPv${family}`, (lab) => fallByTraffic(lab, "nft", family));
}

const queued = kernelTests({ backends: 3, need: "queue" });
queued(`${WHAT}, on nfqueue`, (lab) => fallByTraffic(lab, "nfqueue", 4));
