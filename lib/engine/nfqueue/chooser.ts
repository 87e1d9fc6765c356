import type { Family } from "../../model/address.ts";
import type { MarkLayout } from "../../model/mark.ts";
import type { Headers } from "../../packet/headers.ts";
import { pickAlong } from "../../scheduler/bounded.ts";
import { pickLeast } from "../../scheduler/least.ts";
import { followsLoad } from "../../scheduler/load.ts";
import type { Pick, Pool } from "../../scheduler/pool.ts";
import { isSlotScheduler, type SlotIndex, slotTable } from "../../scheduler/slots.ts";
import { flowHash } from "./flow_hash.ts";
import { isCounted, type Loads } from "./shared_loads.ts";
import { SlotPicker } from "./slot_picker.ts";
import type { QueueBackend, QueueService } from "./table.ts";

/** Another thread may choose in the same instant, and again; who loses so often in a row leaves it to the kernel. */
const TAKES_MAX = 64;

/** Whether a choice of this service looks at connections. */
export function looksAtLoad(service: QueueService): boolean {
  return followsLoad(service.scheduler) || service.bound > 0 ||
    service.backends.some(({ max_connections }) => max_connections > 0);
}

/** What choices are made by, besides the service. */
export interface Means {
  readonly marks: MarkLayout;
  readonly loads: Loads;
  /** From 0 up to 1, without it. */
  readonly random: () => number;
}

/**
 * Chooses backends of one family for a service. Without loads it is the kernel's own choice: the same slots, and
 * for hash schedulers the same one among them. Loads make it go on from there.
 */
export class Chooser {
  readonly #pool: Pool;
  readonly #slots: Uint16Array;
  readonly #picker: SlotPicker;
  readonly #address_bytes: number;
  readonly #isLeast: boolean;
  readonly #looks: boolean;
  /** Several packets of a flow may be queued, and to choose again would give another backend. */
  readonly #recalls: boolean;
  readonly #ids: ReadonlySet<number>;
  readonly #bound: number;
  readonly #loads: Loads;
  readonly #pick: Pick = { index: 0, active: 0 };

  constructor(service: QueueService, family: Family, { marks, loads, random }: Means) {
    const backends = service.backends.filter(({ address }) => address.family === family);
    const { pool, slots, index } = layOut(service, backends, marks);
    this.#pool = pool;
    this.#slots = slots;
    this.#picker = new SlotPicker(index, slots.length, family, random);
    this.#address_bytes = family === 6 ? 16 : 4;
    this.#isLeast = followsLoad(service.scheduler);
    this.#looks = looksAtLoad(service);
    this.#recalls = service.protocol !== "tcp" && (this.#looks || index.kind !== "hash");
    this.#ids = new Set(pool.ids);
    this.#bound = service.bound;
    this.#loads = loads;
  }

  /** The backend's id; 0 leaves the choice to the kernel: where nobody has room, it says no in its own way. */
  choose(view: DataView, packet: Headers): number {
    if (this.#slots.length === 0) return 0;
    if (!this.#recalls) return this.#chooseAnew(view, packet);
    const { recent } = this.#loads;
    const flow = this.#flow(view, packet);
    const before = recent.recall(flow);
    const id = this.#ids.has(before) ? before : this.#chooseAnew(view, packet);
    recent.settle(flow, id);
    return id;
  }

  #chooseAnew(view: DataView, packet: Headers): number {
    const slot = this.#picker.slotOf(view, packet);
    if (this.#looks && this.#loads.isKept) return this.#take(slot, view, packet);
    return this.#pool.ids[this.#slots[slot]!]!;
  }

  #flow(view: DataView, packet: Headers): number {
    return flowHash(view, packet, this.#address_bytes, this.#loads.seed);
  }

  /** Looks, and counts what it chose in the same step: two threads do not take the same last place. */
  #take(slot: number, view: DataView, packet: Headers): number {
    const loads = this.#loads;
    const flow = this.#flow(view, packet);
    for (let attempt = 0; attempt < TAKES_MAX; attempt++) {
      if (!this.#look(slot)) return 0;
      const id = this.#pool.ids[this.#pick.index]!;
      if (loads.take(id, this.#pick.active, flow)) return id;
    }
    return 0;
  }

  #look(slot: number): boolean {
    const loads = this.#loads;
    if (this.#isLeast) return pickLeast(this.#pool, loads, this.#slots[slot]!, this.#pick);
    // Capacities count places at backends that are at their own limits, too.
    return pickAlong(this.#slots, slot, this.#bound, this.#pool, loads, this.#pick) ||
      this.#bound > 0 && pickAlong(this.#slots, slot, 0, this.#pool, loads, this.#pick);
  }
}

interface Layout {
  readonly pool: Pool;
  readonly slots: Uint16Array;
  readonly index: SlotIndex;
}

/** Places of backends are numbers of 16 bits: a slot table has no more slots than that. */
const BACKENDS_MAX = 2 ** 16;

/** Where a mark cannot tell one of the backends, all is left to the kernel, and no slots are there. */
function layOut(
  service: QueueService,
  backends: readonly QueueBackend[],
  marks: MarkLayout,
): Layout {
  const serving = backends.filter(({ effective_weight }) => effective_weight > 0);
  const { scheduler, name } = service;
  const isTold = serving.length <= BACKENDS_MAX && serving.every(({ id }) => isCounted(marks, id));
  const { index, slots } = isTold && isSlotScheduler(scheduler)
    ? slotTable(scheduler, name, backends)
    : NOTHING;
  const places = new Map(serving.map(({ id }, place) => [id, place]));
  return {
    pool: poolOf(serving, scheduler === "lc"),
    slots: Uint16Array.from(slots, (id) => places.get(id)!),
    index,
  };
}

const NOTHING = { index: { kind: "inc" }, slots: [] } as const;

/** With `isEven`, weights do not count but for what health and slow start leave of them. */
function poolOf(serving: readonly QueueBackend[], isEven: boolean): Pool {
  const weights = Float64Array.from(
    serving,
    ({ weight, effective_weight }) => isEven ? effective_weight / (weight || 1) : effective_weight,
  );
  return {
    ids: Uint32Array.from(serving, ({ id }) => id),
    weights,
    weight: weights.reduce((sum, weight) => sum + weight, 0),
    limits: Uint32Array.from(serving, ({ max_connections }) => max_connections),
  };
}
