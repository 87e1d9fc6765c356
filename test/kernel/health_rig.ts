/** What tests of health work with: servers that come and go, passes as cron runs them. */
import assert from "node:assert/strict";
import type { Backend } from "../../lib/demo/traffic.ts";
import { door, type ServiceText, serviceText } from "./config.ts";
import type { Lab } from "./harness.ts";
import { PATIENCE } from "./patience.ts";
import { allAnswered, LONG, must, send } from "./steps.ts";

/** Where the servers of these tests listen: each is started and stopped by the test that needs it. */
const PORT = 9090;

export const DOOR = [door(4)];

/** A web service whose three backends are checked; `health` is put below `[service.health]`. */
export function web(health = "", service: Partial<ServiceText> = {}): string {
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
export async function withServers(
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
export async function applied({ balancer }: Lab, text: string, code = 0): Promise<Told> {
  balancer.writeConfig(text);
  return await balancer.json<Told>(code, "apply");
}

/** A pass, as cron runs it. */
export async function pass({ balancer }: Lab): Promise<{ code: number; stdout: string }> {
  const { code, stdout, stderr } = await balancer.lb("reconcile");
  assert.equal(stderr, "");
  return { code, stdout };
}

export interface Told {
  readonly health?: readonly { readonly kind: string; readonly message: string }[];
  readonly unwell?: readonly string[];
  readonly passes?: number;
  readonly skipped?: number;
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

export async function status({ balancer }: Lab, code: number): Promise<StatusText["services"][0]> {
  return (await balancer.json<StatusText>(code, "status")).services[0]!;
}

/** Who answers how many of so many requests; all of them have to be answered. */
export async function shares(lab: Lab, count = 60): Promise<Readonly<Record<string, number>>> {
  const result = await send(lab, { doors: DOOR, count });
  allAnswered(result);
  return result.per_backend;
}

/** A backend stops listening, and comes back, on an engine: who gets new connections, and what cron mails. */
export function stopsAndReturns(lab: Lab, engine: string): Promise<void> {
  return withServers(lab, async ({ start, stop }) => {
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
  });
}

/**
 * A backend dies under load while passes come every second: no new connection to it after `fall` passes and a second,
 * what goes to the others goes on, it is back after `rise`, and no other command waits for the passes.
 */
export function diesUnderLoad(lab: Lab, engine: string): Promise<void> {
  return withServers(lab, async ({ start, stop }) => {
    const { balancer, traffic, topology } = lab;
    const health = 'interval = "1s"\ntimeout = "500ms"';
    await applied(lab, web(health, { more: `engine = "${engine}"` }));
    const downloads = await traffic.download(topology.client, {
      doors: DOOR,
      count: 30,
      seconds: LONG,
    });
    const { s1: lost = 0 } = downloads.per_backend;
    // IPVS is in guests as a rule, which may not come to make a pass every second.
    const isSlow = engine === "ipvs";
    const seconds = isSlow ? 40 : 11;
    const passes = balancer.json<Told>(1, "reconcile", "--every", "1s", "--for", `${seconds}s`);
    await stop(0);
    await later(4_500);
    if (isSlow) await untilServed(lab, 2);
    assert.deepEqual(Object.keys(await shares(lab)).sort(), ["s2", "s3"]);
    await must(lab, ...balancer.argv("scale", "web", "--weight", "198.51.100.12=2", "--plan"));
    await start(0);
    await later(3_500);
    if (isSlow) await untilServed(lab, 3);
    assert.equal(Object.keys(await shares(lab)).length, 3, "it gets connections again after rise");
    const { passes: count, health: changes } = await passes;
    assert.equal(changes?.length, 2, JSON.stringify(changes));
    assert.ok(isSlow || count! >= 9, `${count} passes`);
    const { broken } = await downloads.finish();
    assert.deepEqual([broken, lost > 0], [lost, true], "only those of the dead one are broken");
  });
}

/** Until requests are answered, all of them, by so many backends; for a while. */
async function untilServed(lab: Lab, backends: number): Promise<void> {
  for (let second = 0; second < 15; second++) {
    const { failed, per_backend } = await send(lab, { doors: DOOR, count: 60 });
    if (failed === 0 && Object.keys(per_backend).length === backends) return;
    await later(1_000);
  }
}

function later(ms: number): Promise<void> {
  return new Promise((wake) => setTimeout(wake, ms * PATIENCE));
}

const CUT = "add table inet cut; " +
  "add chain inet cut input { type filter hook input priority 0; policy drop; }";

/** Does something while packets get to none of these backends. */
export async function withoutNetwork<Result>(
  { run }: Pick<Lab["topology"], "run">,
  backends: Lab["topology"]["backends"],
  work: () => Promise<Result>,
): Promise<Result> {
  const everywhere = (command: string) =>
    Promise.all(backends.map((backend) => run(backend, ["nft", command])));
  await everywhere(CUT);
  try {
    return await work();
  } finally {
    await everywhere("delete table inet cut");
  }
}
