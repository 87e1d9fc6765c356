import assert from "node:assert/strict";
import type {
  Applied,
  Committed,
  Engine,
  EnginePlan,
  EngineSnapshot,
  StalePlanError,
} from "../../lib/engine/engine.ts";
import type { KernelError } from "../../lib/model/error.ts";
import type { DesiredState, PlacedService } from "../../lib/model/state.ts";
import type { Rig } from "./rig.ts";

/** A plan, and what it was made for. */
export interface Planned<Plan> {
  readonly plan: Plan;
  readonly state: DesiredState;
  /** Of what it was planned against. */
  readonly stamp: string;
}

/** Does what reconcile does, without lock and database. */
export class Driver<Snapshot extends EngineSnapshot, Plan extends EnginePlan> {
  readonly rig: Rig<Plan>;
  readonly #engine: Engine<Snapshot, Plan>;
  #committed: Committed | undefined;
  /** Of what was committed, where it is known. */
  #stamp: string | undefined;
  #token = 0;

  constructor(engine: Engine<Snapshot, Plan>, rig: Rig<Plan>) {
    this.#engine = engine;
    this.rig = rig;
  }

  /** A plan after a look at the kernel. */
  async plan(wanted: DesiredState): Promise<Planned<Plan>> {
    const state = this.#here(wanted);
    const { have, stamp } = await this.#engine.observe(this.rig.kernel, this.#committed);
    const plan = this.#engine.plan(this.#engine.desired(state), have, this.#nextToken());
    return { plan, state, stamp };
  }

  /** A plan from memory; undefined where that does not hold. */
  async planNarrowed(wanted: DesiredState): Promise<Planned<Plan> | undefined> {
    const state = this.#here(wanted);
    const [committed, stamp] = [this.#committed, this.#stamp];
    if (!committed || stamp === undefined || stamp !== await this.stamp()) return undefined;
    const had = remembered(committed.state, state);
    const { want, have } = this.#engine.narrowed(state, had, committed.token);
    return { plan: this.#engine.plan(want, have, this.#nextToken()), state, stamp };
  }

  /** From memory where that holds, and looks at what came of it. @returns whether anything was to be done */
  async apply(state: DesiredState): Promise<boolean> {
    const planned = await this.planNarrowed(state) ?? await this.plan(state);
    const isChange = planned.plan.changes.length > 0;
    if (isChange) await this.carryOut(planned);
    await this.settled(state);
    return isChange;
  }

  /** A look finds exactly this. */
  async settled(state: DesiredState): Promise<void> {
    const { have } = await this.#engine.observe(this.rig.kernel, this.#committed);
    const want = this.#engine.desired(this.#here(state));
    const { changes } = this.#engine.plan(want, have, this.#nextToken());
    assert.deepEqual(changes, [], "the kernel holds what is wanted");
    if (this.#committed) assert.deepEqual(this.#engine.drift(have, this.#committed), []);
  }

  /** Applies a plan and puts it on record. */
  async carryOut({ plan, state, stamp }: Planned<Plan>): Promise<Applied> {
    const applied = await this.#engine.apply(this.rig.kernel, plan, stamp);
    const objects = new Map(applied.isWhole ? [] : this.#committed?.objects);
    for (const [name, recorded] of applied.objects) {
      if (recorded) objects.set(name, recorded);
      else objects.delete(name);
    }
    const isThere = state.services.length > 0;
    this.#committed = isThere ? { token: plan.token, state, objects } : undefined;
    this.#stamp = applied.stamp;
    return applied;
  }

  async refuses(
    { plan, stamp }: Planned<Plan>,
    kind: typeof StalePlanError | typeof KernelError,
  ): Promise<void> {
    const before = await this.rig.whole();
    await assert.rejects(this.#engine.apply(this.rig.kernel, plan, stamp), kind);
    assert.equal(await this.rig.whole(), before, "nothing was changed");
  }

  async drift(): Promise<readonly string[]> {
    if (!this.#committed) return [];
    const { have } = await this.#engine.observe(this.rig.kernel, this.#committed);
    return this.#engine.drift(have, this.#committed);
  }

  stamp(): Promise<string> {
    return this.#engine.stamp(this.rig.kernel);
  }

  /** New connections by backend id. */
  async connections(state: DesiredState): Promise<Record<number, number | null>> {
    await this.rig.counted?.();
    const counters = await this.#engine.counters(this.rig.kernel, state);
    return Object.fromEntries(counters.map(({ id, new_connections }) => [id, new_connections]));
  }

  /** The same, as far as a look tells. */
  async totals(): Promise<Record<number, number>> {
    const { have } = await this.#engine.observe(this.rig.kernel, this.#committed);
    return Object.fromEntries(this.#engine.totals(have));
  }

  /** The state database is lost. */
  forget(): void {
    this.#committed = undefined;
    this.#stamp = undefined;
  }

  /** As this kernel can bring it about. */
  #here(state: DesiredState): DesiredState {
    return { ...state, lacks: [...state.lacks, ...this.rig.lacks ?? []] };
  }

  #nextToken(): string {
    return `${++this.#token} . 1`;
  }
}

/** As the database gives it back: only what is wanted just so is the same object. */
export function remembered(have: DesiredState, want: DesiredState): DesiredState {
  const wanted = new Map(want.services.map((service) => [JSON.stringify(service), service]));
  const services = have.services.map((service) => {
    const json = JSON.stringify(service);
    return wanted.get(json) ?? JSON.parse(json) as PlacedService;
  });
  return { ...have, services };
}
