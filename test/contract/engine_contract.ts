import assert from "node:assert/strict";
import fc from "fast-check";
import {
  type Engine,
  type EnginePlan,
  type EngineSnapshot,
  StalePlanError,
} from "../../lib/engine/engine.ts";
import { KernelError } from "../../lib/model/error.ts";
import type { DesiredState } from "../../lib/model/state.ts";
import { type ServiceSpec, stateOf } from "../fake/services.ts";
import { Driver, type Planned } from "./driver.ts";
import { pairs } from "./pairs.ts";
import type { Rig } from "./rig.ts";
import { states } from "./states.ts";

/** What tamperings can rely on: service `web` in both families, backends 1 (IPv4, twice the weight), 2 and 3. */
export const SERVICES: readonly ServiceSpec[] = [{
  vip: ["203.0.113.10", "2001:db8:1::10"],
  backends: [
    { id: 1, address: "198.51.100.11", weight: 200 },
    { id: 2, address: "198.51.100.12", weight: 100 },
    { id: 3, address: "2001:db8:b::11", weight: 100 },
  ],
}];

const WANTED = stateOf(SERVICES);
const NOTHING = stateOf([]);

/** The same backends, another shape: shares, ports, scheduler. */
const CHANGED = stateOf([{
  ...SERVICES[0],
  scheduler: "rr",
  ports: [80, 443],
  backends: [
    { id: 1, address: "198.51.100.11", weight: 50 },
    ...SERVICES[0]!.backends!.slice(1, 2),
  ],
}]);

/** What may be refused half-way. */
const TRANSITIONS = [
  ["creation", NOTHING, CHANGED],
  ["change", WANTED, CHANGED],
  ["removal", CHANGED, WANTED],
] as const;

/** Random states, and pairs of which one comes after the other. */
export interface Asked {
  readonly states: fc.Arbitrary<DesiredState>;
  readonly pairs: fc.Arbitrary<{ readonly have: DesiredState; readonly want: DesiredState }>;
}

/**
 * What every engine promises (lib/engine/engine.ts), on one kind of kernel.
 *
 * @param makeRig a fresh kernel for each test
 * @param runs random transitions that are tried
 * @param asked what configurations can ask of this engine
 */
export function engineContract<Snapshot extends EngineSnapshot, Plan extends EnginePlan>(
  name: string,
  makeRig: () => Promise<Rig<Plan>>,
  engine: Engine<Snapshot, Plan>,
  runs: number,
  asked: Asked = { states, pairs },
): void {
  const test = (what: string, run: (driver: Driver<Snapshot, Plan>) => Promise<void>) =>
    Deno.test(`${name}: ${what}`, async () => {
      const rig = await makeRig();
      try {
        const foreign = await rig.foreign();
        await run(new Driver(engine, rig));
        assert.equal(await rig.foreign(), foreign, "what belongs to others is as it was");
      } finally {
        rig.close();
      }
    });

  test("nothing there and nothing wanted is no change", async (driver) => {
    await driver.settled(NOTHING);
  });

  test("what was applied is what is observed", async (driver) => {
    await driver.apply(WANTED);
    assert.deepEqual((await driver.plan(WANTED)).plan.changes, []);
  });

  test("what was applied is not applied again, from memory or after a look", async (driver) => {
    await driver.apply(WANTED);
    const before = await driver.stamp();
    assert.equal(await driver.apply(WANTED), false);
    assert.deepEqual((await driver.planNarrowed(WANTED))?.plan.changes, []);
    assert.equal(await driver.stamp(), before);
  });

  test("a plan does not depend on when it was made", async (driver) => {
    const [first, second] = [await driver.plan(WANTED), await driver.plan(WANTED)];
    assert.deepEqual(first.plan.changes, second.plan.changes);
  });

  test("planning changes nothing", async (driver) => {
    await driver.apply(WANTED);
    const before = await driver.rig.whole();
    await driver.plan(CHANGED);
    assert.equal(await driver.rig.whole(), before);
  });

  test("a plan towards nothing is removal, without a trace", async (driver) => {
    const before = await driver.rig.whole();
    await driver.apply(WANTED);
    assert.notEqual(await driver.rig.whole(), before);
    const { plan: { changes } } = await driver.plan(NOTHING);
    assert.ok(changes.length > 0 && changes.every(({ op }) => op === "remove"));
    await driver.apply(NOTHING);
    assert.equal(await driver.rig.whole(), before);
    assert.deepEqual(await driver.drift(), [], "what was taken away is not missing");
  });

  test("every state is reached from every other in one apply", async (driver) => {
    await fc.assert(
      fc.asyncProperty(asked.states, async (wanted) => {
        const planned = await driver.plan(wanted);
        if (planned.plan.changes.length > 0) await driver.carryOut(planned);
        await driver.settled(wanted);
      }),
      { numRuns: runs, endOnFailure: true },
    );
  });

  test("a plan from memory does what a look would have asked for", async (driver) => {
    await fc.assert(
      fc.asyncProperty(asked.pairs, async ({ have, want }) => {
        await driver.apply(have);
        const looked = await driver.plan(want);
        const narrowed = await driver.planNarrowed(want);
        assert.equal(narrowed === undefined, have.services.length === 0);
        const objects = ({ plan }: Planned<Plan>) =>
          plan.changes.map(({ op, object }) => `${op} ${object}`).sort();
        if (narrowed) assert.deepEqual(objects(narrowed), objects(looked));
        await driver.apply(want);
      }),
      { numRuns: runs, endOnFailure: true },
    );
  });

  test("an apply that nobody disturbs knows the stamp of what it made", async (driver) => {
    for (const state of [WANTED, CHANGED, NOTHING]) {
      const { stamp } = await driver.carryOut(await driver.plan(state));
      assert.equal(stamp, await driver.stamp());
    }
  });

  test("every change moves the stamp, another's too, and a look does not", async (driver) => {
    await driver.apply(WANTED);
    const seen = [await driver.stamp()];
    const moved = async () => {
      assert.ok(!seen.includes(await driver.stamp()));
      seen.push(await driver.stamp());
    };
    await driver.plan(CHANGED);
    assert.deepEqual(seen, [await driver.stamp()]);
    await driver.apply(CHANGED);
    await moved();
    await driver.rig.touchForeign();
    await moved();
    await driver.rig.ruin();
    await moved();
    assert.equal(await driver.planNarrowed(CHANGED), undefined, "memory holds no longer");
  });

  test("an apply beside another's change knows no stamp: a look tells", async (driver) => {
    await driver.apply(WANTED);
    const planned = await driver.plan(CHANGED);
    await driver.rig.touchForeign();
    assert.equal((await driver.carryOut(planned)).stamp, undefined);
    await driver.settled(CHANGED);
    assert.equal(await driver.planNarrowed(WANTED), undefined, "nothing is known to plan from");
  });

  test("a look has the stamp of what it saw", async (driver) => {
    await driver.apply(WANTED);
    assert.equal((await driver.plan(WANTED)).stamp, await driver.stamp());
  });

  test("without a record of what was committed, one apply makes it ours again", async (driver) => {
    await driver.apply(WANTED);
    driver.forget();
    await driver.apply(WANTED);
    await driver.settled(WANTED);
  });

  test("a plan made before another's apply fails whole", async (driver) => {
    await driver.apply(WANTED);
    const stale = await driver.plan(CHANGED);
    await driver.apply(NOTHING);
    await driver.apply(WANTED);
    await driver.refuses(stale, StalePlanError);
    await driver.apply(CHANGED);
    await driver.settled(CHANGED);
  });

  test("a plan to create fails whole where another created first", async (driver) => {
    const stale = await driver.plan(CHANGED);
    await driver.apply(WANTED);
    await driver.refuses(stale, StalePlanError);
  });

  test("a plan for what is gone fails whole", async (driver) => {
    await driver.apply(WANTED);
    const stale = await driver.plan(CHANGED);
    await driver.apply(NOTHING);
    await driver.refuses(stale, StalePlanError);
  });

  test("a plan to remove fails whole where another has changed something", async (driver) => {
    await driver.apply(WANTED);
    const stale = await driver.plan(NOTHING);
    await driver.apply(CHANGED);
    await driver.refuses(stale, StalePlanError);
  });

  test("another's change to things of its own does not make a plan stale", async (driver) => {
    await driver.apply(WANTED);
    const plan = await driver.plan(CHANGED);
    await driver.rig.touchForeign();
    await driver.carryOut(plan);
    await driver.settled(CHANGED);
  });

  for (const [what, from, to] of TRANSITIONS) {
    test(`a ${what} that the kernel refuses half-way leaves everything as it was`, async (driver) => {
      for (const spoil of driver.rig.spoils) {
        await driver.apply(from);
        const planned = await driver.plan(to);
        await driver.refuses({ ...planned, plan: spoil(planned.plan) }, KernelError);
        await driver.apply(to);
        await driver.settled(to);
      }
    });
  }

  test("a backend's counter survives whatever happens around it, and begins at 0", async (driver) => {
    await driver.apply(WANTED);
    for (let connection = 0; connection < 6; connection++) {
      await driver.rig.connect("203.0.113.10:80");
    }
    assert.deepEqual(await driver.connections(WANTED), { 1: 4, 2: 2, 3: 0 });
    assert.deepEqual(await driver.totals(), { 1: 4, 2: 2, 3: 0 });
    await driver.apply(CHANGED);
    assert.deepEqual(await driver.connections(WANTED), { 1: 4, 2: 2, 3: 0 });
    await driver.rig.ruin();
    await driver.apply(CHANGED);
    assert.deepEqual(await driver.connections(WANTED), { 1: 4, 2: 2, 3: 0 }, "after a rebuild");
    await driver.apply(NOTHING);
    await driver.apply(WANTED);
    assert.deepEqual(await driver.connections(WANTED), { 1: 0, 2: 0, 3: 0 });
  });

  test("drift names exactly what was changed by hand, and one apply repairs it", async (driver) => {
    for (const { name, act, drift } of driver.rig.tamperings) {
      await driver.apply(WANTED);
      const before = await driver.rig.whole();
      await act();
      assert.deepEqual([...await driver.drift()].sort(), [...drift].sort(), name);
      await driver.apply(WANTED);
      assert.deepEqual(await driver.drift(), [], name);
      assert.equal(await driver.rig.whole(), before, `${name}: repaired`);
    }
  });
}
