/** Several load balancers behind one router: connections go on wherever it sends them. */
import assert from "node:assert/strict";
import { able } from "./able.ts";
import { door, serviceText } from "./config.ts";
import { LONG } from "./steps.ts";
import { buildTier, clientOf, type Tier } from "./tier_rig.ts";

const DOWNLOADS = 500;

/** Half of them from each half of the clients. */
const SOURCES = Array.from({ length: 100 }, (_, index) => clientOf(index % 2, index >> 1));

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

async function applyAll({ balancers }: Tier, engine: string, scheduler: string): Promise<void> {
  const service = { weights: [1, 1, 1], families: [4] as const, scheduler };
  const text = `[tier]\nnodes = 2\n` + serviceText({ ...service, more: `engine = "${engine}"` });
  for (const balancer of balancers) {
    balancer.writeConfig(text);
    await balancer.json(0, "apply");
  }
}

/** Connections a balancer knows. */
async function entries({ balancers }: Tier, index: number): Promise<number> {
  const { stdout } = await balancers[index]!.run(["conntrack", "-L", "-p", "tcp"]);
  return stdout.split("\n").filter((line) => line.includes(" dst=203.0.113.10 ")).length;
}

for (const [engine, need] of [["nft", "nft"], ["nfqueue", "queue"]] as const) {
  Deno.test({
    ...able(
      `a load balancer is taken away and comes back, and no download breaks: ${engine}`,
      need,
    ),
    // What ends with the namespaces is not waited for.
    sanitizeOps: false,
    sanitizeResources: false,
    async fn() {
      const tier = await buildTier(3);
      try {
        await applyAll(tier, engine, "maglev");
        await tier.route(0, 1);
        const { lab } = tier;
        const downloads = await lab.traffic.download(lab.topology.client, {
          doors: [door(4)],
          count: DOWNLOADS,
          seconds: LONG,
          sources: { addresses: SOURCES, first_port: 20_000 },
        });
        // Where the test fails before they end, they are killed.
        downloads.result.catch(() => {});
        assert.deepEqual([await entries(tier, 0), await entries(tier, 1)], [250, 250]);
        await tier.route(0, 0);
        await pause(3_000);
        assert.equal(await entries(tier, 0), DOWNLOADS, "all are at the first one by now");
        await tier.route(0, 1);
        await pause(3_000);
        const { completed, broken, errors, per_backend } = await downloads.finish();
        assert.deepEqual({ completed, broken, errors }, {
          completed: DOWNLOADS,
          broken: 0,
          errors: {},
        });
        assert.deepEqual(per_backend, downloads.per_backend);
      } finally {
        await tier.close();
      }
    },
  });
}
