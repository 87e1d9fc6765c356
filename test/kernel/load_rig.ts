/** What tests of weights that follow load work with: three backends, one of which takes three times as long. */
import assert from "node:assert/strict";
import type { Family } from "../../lib/model/address.ts";
import type { Child } from "../../lib/sys/ports.ts";
import { door, serviceText } from "./config.ts";
import type { Lab } from "./harness.ts";
import { PATIENCE } from "./patience.ts";
import type { SlowBackend } from "./slow_inside.ts";

const INSIDE = new URL("slow_inside.ts", import.meta.url).pathname;
const CONFIG = new URL("../../deno.json", import.meta.url).pathname;
const AGENT_PORT = 9777;

/** A scheduler at work: the VIP's port, and how long its backends take for a request, ms. */
const WORK = {
  wlc: { port: 81, takes_ms: 1_000, more: "" },
  lr: {
    port: 82,
    takes_ms: 150,
    more: `[service.health]\ntype = "http"\ninterval = "${PATIENCE}s"\ntimeout = "${
      2 * PATIENCE
    }s"`,
  },
  cpu: {
    port: 83,
    takes_ms: 200,
    more: `agent_port = ${AGENT_PORT}\n[service.health]\ntype = "none"\ninterval = "${PATIENCE}s"`,
  },
} as const;

/** What is tried, in the order of the backends' ports: the agent tells of the last. */
export type Followed = keyof typeof WORK;

const ALL: readonly Followed[] = ["wlc", "lr", "cpu"];

/** Far from what two processors can do: what is slow is to be the backend, not the machine. */
const PER_SECOND = 150;

/** So many passes it may take to come to a third, and so many more it has to stay there. */
const PASSES = 10;
const REST = 9;

/** Shares are taken over so many passes. */
const WINDOW = 3;

/** Between two passes. */
const EVERY_SECONDS = PATIENCE;

/** Three services side by side on an engine; what becomes of the slow backend's share in each. */
export async function slowedToAThird(
  lab: Lab,
  { engine, family = 4, schedulers, ...rest }: {
    readonly engine: string;
    readonly family?: Family;
    readonly schedulers: readonly Followed[];
    /** Requests to each service. @default 150 */
    readonly per_second?: number;
  },
): Promise<void> {
  const per_second = (rest.per_second ?? PER_SECOND) / PATIENCE;
  const backends = await Promise.all(
    [1, 1, 3].map((slowness, index) =>
      startBackend(lab, index, { slowness, capacity: per_second / 3 })
    ),
  );
  try {
    const { balancer, topology, traffic } = lab;
    balancer.writeConfig(schedulers.map((name) => textOf(name, engine, family)).join(""));
    await balancer.json(0, "apply");
    const streams = await Promise.all(schedulers.map(async (scheduler) => ({
      scheduler,
      stream: await traffic.steady(topology.client, {
        doors: [door(family, 10, WORK[scheduler].port)],
        per_second,
        seconds_max: 4 * (PASSES + REST) * EVERY_SECONDS,
        timeout_ms: 10_000 * PATIENCE,
      }),
    })));
    await passesOf(lab, PASSES);
    const told = await balancer.lb("reconcile", ...forPasses(REST));
    assert.deepEqual(
      [told.code, told.stdout],
      [0, ""],
      "weights that follow load are nothing to tell",
    );
    for (const { scheduler, stream } of streams) {
      const { answers, failed } = await stream.stop();
      assert.equal(failed, 0);
      assertThird(scheduler, ratiosOf(answers, per_second * WINDOW * EVERY_SECONDS));
    }
  } finally {
    await Promise.all(backends.map(async (child) => {
      await child.closeInput();
      await child.ended;
    }));
  }
}

/** Passes, as many as that; where a machine is so slow that some are left out, a little more. */
async function passesOf({ balancer }: Lab, count: number): Promise<void> {
  let done = 0;
  for (let run = 0; run < 8 && done < count; run++) {
    const words = forPasses(count);
    done += (await balancer.json<{ passes: number }>(0, "reconcile", ...words)).passes;
  }
  assert.ok(done >= count, `${done} passes of ${count}`);
}

function forPasses(count: number): [string, string, string, string] {
  return ["--every", `${EVERY_SECONDS}s`, "--for", `${count * EVERY_SECONDS}s`];
}

/** Its share beside another's, in each window of so many requests up to the end, in their order. */
function ratiosOf(answers: readonly string[], each: number): number[] {
  const windows = Math.floor(answers.length / each);
  return Array.from({ length: windows }, (_, window) => {
    const end = answers.length - (windows - 1 - window) * each;
    const part = answers.slice(end - each, end);
    const slow = part.filter((name) => name === "s3").length;
    return 2 * slow / (part.length - slow);
  });
}

/** Ten per cent, and half as much for what a machine makes of it that has other things to do, too. */
const STEADY = 0.15;

/** "About a third", and steady. */
function assertThird(scheduler: string, ratios: readonly number[]): void {
  const rest = ratios.slice(-REST / WINDOW);
  const said = `${scheduler}: ${ratios.map((one) => one.toFixed(2)).join(" ")}`;
  assert.ok(rest.length >= 2, said);
  const middle = rest.reduce((sum, one) => sum + one, 0) / rest.length;
  assert.ok(middle > 0.27 && middle < 0.42, said);
  for (const one of rest) assert.ok(Math.abs(one / middle - 1) < STEADY, said);
}

function textOf(scheduler: Followed, engine: string, family: Family): string {
  const { port, more } = WORK[scheduler];
  return serviceText({
    name: scheduler,
    families: [family],
    ports: `[${port}]`,
    port: 9000 + port,
    weights: [100, 100, 100],
    scheduler,
    more: `engine = "${engine}"\n${more}`,
  });
}

async function startBackend(
  { topology, traffic }: Lab,
  index: number,
  { slowness, capacity }: { readonly slowness: number; readonly capacity: number },
): Promise<Child> {
  const spec: SlowBackend = {
    name: `s${index + 1}`,
    ports: ALL.map((name) => ({
      port: 9000 + WORK[name].port,
      takes_ms: WORK[name].takes_ms * slowness,
    })),
    agent_port: AGENT_PORT,
    capacity,
  };
  const deno = [Deno.execPath(), "run", "-A", "--quiet", "--no-check", "--config", CONFIG];
  const child = traffic.program(topology.backends[index]!, [...deno, INSIDE, JSON.stringify(spec)]);
  assert.equal((await child.lines.next()).value, "ready");
  return child;
}
