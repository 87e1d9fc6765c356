/**
 * The delay of a second that IPVS is known for (kubernetes #70747, #90854): a client uses a port again whose
 * last connection the balancer takes for ended, while conntrack takes it for alive.
 */
import assert from "node:assert/strict";
import { CLIENT } from "../../lib/demo/layout.ts";
import { SLOW_MS } from "../../lib/demo/role/spec.ts";
import type { Child } from "../../lib/sys/ports.ts";
import { door } from "./config.ts";
import { kernelTests, type Lab } from "./harness.ts";
import { apply, must } from "./steps.ts";

const test = kernelTests({ backends: 2, need: "ipvs" });

const INSIDE = new URL("./silent_inside.ts", import.meta.url).pathname;
const CONNECTIONS = 30;

/** Fewer: one after the other waits, and after 10 s IPVS has forgotten what it took for ended. */
const SLOW_CONNECTIONS = 6;

/** Where the silent servers listen, beside the usual ones. */
const PORT = 9_000;

function inside(lab: Lab, namespace: string, ...args: string[]): Child {
  const deno = [Deno.execPath(), "run", "-A", "--no-check", "--quiet", INSIDE];
  return lab.traffic.program(namespace, [...deno, ...args]);
}

/** Runs an act beside a server on each backend. @param act gets how many connections each has had */
async function withServers(
  lab: Lab,
  act: (accepted: readonly number[]) => Promise<void>,
): Promise<void> {
  const accepted = lab.topology.backends.map(() => 0);
  const servers = lab.topology.backends.map((one) => inside(lab, one, "server", `${PORT}`));
  try {
    for (const { lines } of servers) assert.equal((await lines.next()).value, "ready");
    servers.forEach(async ({ lines }, index) => {
      for await (const _line of lines) accepted[index]!++;
    });
    await act(accepted);
  } finally {
    for (const server of servers) server.kill();
    await Promise.all(servers.map(({ ended }) => ended));
  }
}

/** Weights of the two backends; undefined leaves one out. */
type Weights = readonly (number | undefined)[];

function onIpvs(lab: Lab, weights: Weights) {
  return apply(lab, { weights, port: PORT, families: [4], more: 'engine = "ipvs"' });
}

/** Uses ports again after what happens between. @returns how long each took in ms */
async function reuse(
  lab: Lab,
  between?: () => Promise<unknown>,
  count = CONNECTIONS,
): Promise<number[]> {
  // Conntrack is active where a rule uses it, as on any real host.
  await must(lab, "iptables-legacy", "-F");
  await must(lab, "iptables-legacy", "-A", "INPUT", "-m", "conntrack", "--ctstate", "NEW");
  const { address, port } = door(4);
  const args = ["client", address, `${port}`, CLIENT[4], `${count}`];
  const client = inside(lab, lab.topology.client, ...args);
  assert.equal((await client.lines.next()).value, "forgotten");
  await between?.();
  await client.closeInput();
  return JSON.parse((await client.lines.next()).value);
}

/** What servers say takes a moment to get here. */
async function settled(accepted: readonly number[], count: number): Promise<void> {
  const sum = () => accepted.reduce((total, one) => total + one);
  for (let turn = 0; turn < 50 && sum() < count; turn++) {
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  assert.equal(sum(), count);
}

/** As kube-proxy sets them from linux 5.9 on. */
const KUBE_PROXY = ["conntrack=1", "conn_reuse_mode=1", "expire_nodest_conn=1"];

test("with kube-proxy's settings every such connection waits a second", async (lab) => {
  await withServers(lab, async () => {
    await onIpvs(lab, [1, 1]);
    await must(lab, "sysctl", "-q", "-w", ...KUBE_PROXY.map((key) => `net.ipv4.vs.${key}`));
    const times = await reuse(lab, undefined, SLOW_CONNECTIONS);
    assert.equal(times.filter((time) => time > SLOW_MS).length, SLOW_CONNECTIONS, `${times}`);
  });
});

/** What becomes of the first backend between. */
const SCENARIOS: readonly (readonly [string, Weights | undefined])[] = [
  ["the backends stay as they are", undefined],
  ["one backend gets weight 0", [0, 1]],
  ["one backend is removed", [undefined, 1]],
];

for (const [what, weights] of SCENARIOS) {
  test(`with lb's settings none does: ${what}`, async (lab) => {
    await withServers(lab, async (accepted) => {
      await onIpvs(lab, [1, 1]);
      let before = 0;
      const times = await reuse(lab, async () => {
        await settled(accepted, CONNECTIONS);
        before = accepted[0]!;
        if (weights) await onIpvs(lab, weights);
      });
      assert.deepEqual(times.filter((time) => time > SLOW_MS), [], `${times}`);
      await settled(accepted, 2 * CONNECTIONS);
      const isGone = accepted[0] === before;
      assert.equal(isGone, weights !== undefined, `first ${before}, then ${accepted}`);
    });
  });
}
