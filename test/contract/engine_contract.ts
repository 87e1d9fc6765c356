import assert from "node:assert/strict";
import fc from "fast-check";
import {
  type Engine,
  type EnginePlan,
  type EngineSnapshot,
  StalePlanError,
} from "../../lib/engine/engine.ts";
import { KernelError } from "../../lib/model/error.ts";
import { type ServiceSpec, stateOf } from "../fake/services.ts";
import { Driver } from "./driver.ts";
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

/**
 * What every engine promises (lib/engine/engine.ts), on one kind of kernel.
 *
 * @param makeRig a fresh kernel for each test
 * @param runs random transitions that are tried
 */
export function engineContract<Snapshot extends EngineSnapshot, Plan extends EnginePlan>(
  name: string,
  makeRig: () => Promise<Rig<Plan>>,
  engine: Engine<Snapshot, Plan>,
  runs: number,
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
    assert.deepEqual((await driver.plan(NOTHING)).changes, []);
  });

  test("what was applied is what is observed", async (driver) => {
    await driver.apply(WANTED);
    assert.deepEqual((await driver.plan(WANTED)).changes, []);
    assert.deepEqual(await driver.drift(), []);
  });

  test("a plan does not depend on when it was made", async (driver) => {
    const [first, second] = [await driver.plan(WANTED), await driver.plan(WANTED)];
    assert.deepEqual(first.changes, second.changes);
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
    const { changes } = await driver.plan(NOTHING);
    assert.ok(changes.length > 0 && changes.every(({ op }) => op === "remove"));
    await driver.apply(NOTHING);
    assert.equal(await driver.rig.whole(), before);
    assert.deepEqual(await driver.drift(), [], "what was taken away is not missing");
  });

  test("every state is reached from every other in one apply", async (driver) => {
    await fc.assert(
      fc.asyncProperty(states, async (wanted) => {
        const { changes } = await driver.plan(wanted);
        const applied = await driver.apply(wanted);
        if (applied) assert.ok(changes.length > 0);
        assert.deepEqual((await driver.plan(wanted)).changes, []);
        assert.deepEqual(await driver.drift(), []);
      }),
      { numRuns: runs, endOnFailure: true },
    );
  });

  test("without a record of what was committed, one apply makes it ours again", async (driver) => {
    await driver.apply(WANTED);
    driver.forget();
    await driver.apply(WANTED);
    assert.deepEqual((await driver.plan(WANTED)).changes, []);
  });

  test("a plan made before another's apply fails whole", async (driver) => {
    await driver.apply(WANTED);
    const stale = await driver.plan(CHANGED);
    await driver.apply(NOTHING);
    await driver.apply(WANTED);
    await driver.refuses(stale, StalePlanError);
    await driver.apply(CHANGED);
    assert.deepEqual((await driver.plan(CHANGED)).changes, []);
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
    assert.deepEqual((await driver.plan(CHANGED)).changes, []);
  });

  for (const from of [NOTHING, WANTED]) {
    const what = from === NOTHING ? "creation" : "change";
    test(`a ${what} that the kernel refuses half-way leaves everything as it was`, async (driver) => {
      await driver.apply(from);
      await driver.refuses(driver.rig.spoil(await driver.plan(CHANGED)), KernelError);
      await driver.apply(CHANGED);
      assert.deepEqual((await driver.plan(CHANGED)).changes, []);
    });
  }

  test("a backend's counter survives whatever happens around it, and begins at 0", async (driver) => {
    await driver.apply(WANTED);
    for (let connection = 0; connection < 6; connection++) {
      await driver.rig.connect("203.0.113.10:80");
    }
    assert.deepEqual(await driver.connections(WANTED), { 1: 4, 2: 2, 3: 0 });
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
