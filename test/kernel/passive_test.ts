/** Health by what becomes of connections, where checks find nothing: they ask at another port. */
import assert from "node:assert/strict";
import { backendAddress } from "../../lib/demo/layout.ts";
import type { Family } from "../../lib/model/address.ts";
import { door, serviceText } from "./config.ts";
import { kernelTests, type Lab } from "./harness.ts";
import { status, type Told } from "./health_rig.ts";
import { PATIENCE } from "./patience.ts";

/** Where clients are served, and where checks ask. */
const [PORT, CHECKED] = [8080, 8000];

/** What goes wrong at a backend, in its own rules, and what is told of it. */
const FAULTS = {
  "drops new connections": { rule: "tcp flags & (syn | ack) == syn drop", words: "not answered" },
  "resets connections it has accepted": {
    rule: "tcp flags & (syn | ack) == ack reject with tcp reset",
    words: "reset",
  },
} as const;

/** Far more than the few that tell nothing. */
const PER_SECOND = 60;

/** The first look only counts, a connection is not answered for a second; then `fall` looks. */
const PASSES = 7;

function config(engine: string, family: Family): string {
  return serviceText({
    families: [family],
    weights: [1, 1, 1],
    port: PORT,
    more: `engine = "${engine}"
[service.health]
port = ${CHECKED}
passive = true
interval = "1s"
fall = 2
rise = 100
`,
  });
}

async function fallsByTraffic(
  lab: Lab,
  { engine, family, rule, words }: {
    readonly engine: string;
    readonly family: Family;
    readonly rule: string;
    readonly words: string;
  },
): Promise<void> {
  const { balancer, topology, traffic } = lab;
  const inside = (commands: string) => topology.run(topology.backends[0]!, ["nft", commands]);
  balancer.writeConfig(config(engine, family));
  await balancer.json(0, "apply");
  const stream = await traffic.steady(topology.client, {
    doors: [door(family)],
    per_second: PER_SECOND / PATIENCE,
    seconds_max: 60,
    timeout_ms: 1_500 * PATIENCE,
  });
  try {
    const quiet = await balancer.json<Told>(0, "reconcile", "--every", "1s", "--for", "2s");
    assert.equal(quiet.health, undefined, "nobody fails");
    const { code, stderr } = await inside(
      "add table inet fault; add chain inet fault c { type filter hook input priority 0; }; " +
        `add rule inet fault c tcp dport ${PORT} ${rule}`,
    );
    assert.equal(code, 0, stderr);
    const seconds = `${PASSES}s`;
    const told = await balancer.json<Told>(1, "reconcile", "--every", "1s", "--for", seconds);
    const address = backendAddress(family, 0);
    const name = family === 4 ? `${address}:${PORT}` : `[${address}]:${PORT}`;
    assert.equal(told.health?.length, 1, JSON.stringify(told.health));
    const { message } = told.health![0]!;
    assert.ok(message.startsWith(`web ${name} is unhealthy: `), message);
    assert.match(message, new RegExp(`: \\d+ of \\d+ new connections were ${words} \\(2 failed`));
    const { backends } = await status(lab, 1);
    assert.deepEqual(backends.map(({ health }) => health), ["unhealthy", "healthy", "healthy"]);
    assert.deepEqual(backends.map(({ effective_weight }) => effective_weight), [0, 1, 1]);
  } finally {
    await inside("delete table inet fault");
    await stream.stop();
  }
}

const nft = kernelTests({ backends: 3 });
for (const [what, fault] of Object.entries(FAULTS)) {
  for (const family of [4, 6] as const) {
    nft(
      `a backend that ${what} falls, though its checks succeed, and no other does, on nft, IPv${family}`,
      (lab) => fallsByTraffic(lab, { engine: "nft", family, ...fault }),
    );
  }
}

const queued = kernelTests({ backends: 3, need: "queue" });
queued(
  "a backend that drops new connections falls, though its checks succeed, and no other does, on nfqueue",
  (lab) =>
    fallsByTraffic(lab, { engine: "nfqueue", family: 4, ...FAULTS["drops new connections"] }),
);
