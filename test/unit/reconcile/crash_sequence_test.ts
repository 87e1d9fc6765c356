/** Runs that are cut off one after the other, each towards another config: what is left is still known. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { type Fate, isCrash } from "../../fake/gate.ts";
import { BASE, CHANGED, NOTHING, single } from "./configs.ts";
import { type Rig, withRig } from "./rig.ts";

const CONFIGS = [BASE, CHANGED, NOTHING, single(), single("", "192.0.2.77")] as const;

/** More than any run here has: then it comes to its end. */
const CALLS_MAX = 160;

const RUNS = 60;

/** A value was on record and never written, and the config before came back: no change, but an end to be made. */
const UNWRITTEN = [
  { config: NOTHING, at: CALLS_MAX },
  { config: CHANGED, at: 43 },
  { config: NOTHING, at: CALLS_MAX },
];

const cuts = fc.array(
  fc.record({
    config: fc.constantFrom(...CONFIGS),
    at: fc.integer({ min: 0, max: CALLS_MAX }),
  }),
  { minLength: 1, maxLength: 5 },
);

async function runAndDie(rig: Rig, config: string, at: number, fate: Fate): Promise<void> {
  rig.host.gate.spoil(at, fate);
  await rig.run(config).catch((error: unknown) => assert.ok(isCrash(error), String(error)));
  rig.restart();
}

/** What an undisturbed machine comes to with this config alone. */
async function undisturbed(config: string): Promise<ReturnType<Rig["host"]["picture"]>> {
  let picture: ReturnType<Rig["host"]["picture"]> | undefined;
  await withRig(async (rig) => {
    await rig.run(config);
    picture = rig.host.picture();
  })();
  return picture!;
}

/** Names of chains and counters carry ids, which depend on what was configured before. */
function withoutIds({ table, ...rest }: ReturnType<Rig["host"]["picture"]>) {
  return { ...rest, tableObjects: table?.length };
}

Deno.test("however many runs are killed, the next one converges, an uninstall undoes them all, and nothing counts as drift", async () => {
  const expected = new Map<string, unknown>();
  for (const config of CONFIGS) expected.set(config, withoutIds(await undisturbed(config)));
  await fc.assert(
    fc.asyncProperty(cuts, fc.constantFrom(...CONFIGS), async (deaths, last) => {
      await withRig(async (rig) => {
        const start = rig.host.picture();
        const ids = new Map<string, number>();
        for (const { config, at } of deaths) {
          await runAndDie(rig, config, at, "killed");
          remember(ids, rig.ids());
        }
        const { drift } = await rig.run(last);
        assert.deepEqual(drift, []);
        remember(ids, rig.ids());
        assert.deepEqual(withoutIds(rig.host.picture()), expected.get(last));
        const after = await rig.run(last);
        assert.deepEqual([after.changes, after.notes, after.drift], [[], [], []]);
        await rig.run(NOTHING);
        assert.deepEqual(rig.host.picture(), start);
        assert.deepEqual(rig.events("drift"), []);
      })();
    }),
    { numRuns: RUNS, examples: [[UNWRITTEN, BASE]] },
  );
});

/** A backend has one id for ever, and no two have the same. */
function remember(known: Map<string, number>, ids: Record<string, number>): void {
  for (const [backend, id] of Object.entries(ids)) {
    assert.equal(known.get(backend) ?? id, id, `${backend} keeps its id`);
    known.set(backend, id);
  }
  assert.equal(new Set(known.values()).size, known.size, "an id belongs to one backend");
}
