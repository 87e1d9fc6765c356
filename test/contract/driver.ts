import assert from "node:assert/strict";
import type {
  Committed,
  Engine,
  EnginePlan,
  EngineSnapshot,
  StalePlanError,
} from "../../lib/engine/engine.ts";
import type { KernelError } from "../../lib/model/error.ts";
import type { DesiredState } from "../../lib/model/state.ts";
import type { Rig } from "./rig.ts";

/** Does what reconcile does, without lock and records. */
export class Driver<Snapshot extends EngineSnapshot, Plan extends EnginePlan> {
  readonly rig: Rig<Plan>;
  readonly #engine: Engine<Snapshot, Plan>;
  #committed: Committed | undefined;
  #token = 0;

  constructor(engine: Engine<Snapshot, Plan>, rig: Rig<Plan>) {
    this.#engine = engine;
    this.rig = rig;
  }

  async plan(state: DesiredState): Promise<Plan> {
    const have = await this.#engine.observe(this.rig.kernel, this.#committed);
    return this.#engine.plan(this.#engine.desired(state), have, `${++this.#token} . 1`);
  }

  /** @returns whether there was anything to do */
  async apply(state: DesiredState): Promise<boolean> {
    const plan = await this.plan(state);
    if (plan.changes.length === 0) return false;
    const have = await this.carryOut(plan);
    const { changes } = this.#engine.plan(this.#engine.desired(state), have, "0 . 0");
    assert.deepEqual(changes, [], "apply tells what the kernel holds now");
    return true;
  }

  async carryOut(plan: Plan): Promise<Snapshot> {
    const { committed, have } = await this.#engine.apply(this.rig.kernel, plan, this.#committed);
    this.#committed = committed;
    return have;
  }

  async refuses(plan: Plan, kind: typeof StalePlanError | typeof KernelError): Promise<void> {
    const before = await this.rig.whole();
    await assert.rejects(this.#engine.apply(this.rig.kernel, plan, this.#committed), kind);
    assert.equal(await this.rig.whole(), before, "nothing was changed");
  }

  async drift(): Promise<readonly string[]> {
    if (!this.#committed) return [];
    const have = await this.#engine.observe(this.rig.kernel, this.#committed);
    return this.#engine.drift(have, this.#committed);
  }

  /** New connections by backend id. */
  async connections(state: DesiredState): Promise<Record<number, number | null>> {
    const counters = await this.#engine.counters(this.rig.kernel, state);
    return Object.fromEntries(counters.map(({ id, new_connections }) => [id, new_connections]));
  }

  /** The state database is lost. */
  forget(): void {
    this.#committed = undefined;
  }
}
