import { ExpectedChoices } from "./expected.ts";
import { FlowTable } from "./flow_table.ts";
import { Choices, type SharedLoads } from "./shared_loads.ts";

/** How long a choice counts that no entry comes of: the first packet was refused, or lost its way. */
const EXPECTED_MS = 3_000;

/** Beside a backend's id: this entry has sent an event, so it will send one when it ends. */
const HEARD = 1 << 31;
const ID = ~HEARD;

/**
 * The counts of connections that queue threads choose by. A backend's count is at any time the number of its
 * entries here, and of the choices of it that no entry has come of yet; everything below keeps it so by adding
 * and taking away, because queue threads add their choices meanwhile.
 */
export class Tally {
  readonly #counts: Int32Array<SharedArrayBuffer>;
  readonly #choices: readonly Choices[];
  readonly #expected = new ExpectedChoices((id) => this.#count(id, -1));
  #entries = new FlowTable();
  #unheard = 0;
  /** Of the keys of {@linkcode Tally.set} and {@linkcode Tally.delete} since {@linkcode Tally.watch}. */
  #touched: FlowTable | undefined;

  constructor({ counts, rings }: SharedLoads) {
    this.#counts = new Int32Array(counts);
    this.#choices = rings.map((ring) => new Choices(ring));
  }

  /** Connections of whose end nobody may tell. */
  get unheard(): number {
    return this.#unheard;
  }

  /** Hears what queue threads chose. Before events are looked at: a choice is told before its entry is made. */
  hear(now_ms: number): void {
    const until_ms = now_ms + EXPECTED_MS;
    for (const choices of this.#choices) {
      choices.drain((flow, id) => this.#expected.add(flow, id, until_ms));
    }
  }

  /** Gives up on choices that nothing has come of. */
  expire(now_ms: number): void {
    this.#expected.expire(now_ms);
  }

  /** An event told that the entry is there, with this backend; with 0, that it is nobody's. */
  set(key: number, flow: number, id: number): void {
    this.#touched?.set(key, flow, 1);
    if (id === 0) this.#drop(key, flow);
    else this.#put(key, flow, id);
    this.#expected.settle(flow);
  }

  /** An event told that the entry is over. */
  delete(key: number, flow: number): void {
    this.#touched?.set(key, flow, 1);
    this.#drop(key, flow);
  }

  has(key: number, flow: number): boolean {
    return this.#entries.get(key, flow) !== 0;
  }

  /** From now on it is remembered what events tell of: they know better than entries read meanwhile. */
  watch(): void {
    this.#touched = new FlowTable();
  }

  /**
   * Takes a whole table of entries, read since {@linkcode Tally.watch}, for what is known. What events have told
   * since then holds.
   */
  replace(read: FlowTable): void {
    const touched = this.#touched ?? new FlowTable();
    this.#touched = undefined;
    const old = this.#entries;
    read.forEach((key, flow, id) => {
      if (old.get(key, flow) & HEARD) read.set(key, flow, (id | HEARD) >>> 0);
    });
    touched.forEach((key, flow) => {
      const value = old.get(key, flow);
      if (value !== 0) read.set(key, flow, value);
      else read.delete(key, flow);
    });
    this.#entries = read;
    this.#recount(old, read);
  }

  /** Each count changes once, or others would choose by what is half done. */
  #recount(old: FlowTable, entries: FlowTable): void {
    const changes = new Int32Array(this.#counts.length);
    this.#unheard = 0;
    old.forEach((_key, _flow, value) => changes[value & ID]!--);
    entries.forEach((_key, _flow, value) => {
      changes[value & ID]!++;
      if (!(value & HEARD)) this.#unheard++;
    });
    changes.forEach((by, id) => by !== 0 && this.#count(id, by));
    entries.forEach((_key, flow) => this.#expected.settle(flow));
  }

  #put(key: number, flow: number, id: number): void {
    if (this.#entries.get(key, flow) === (id | HEARD) >>> 0) return;
    this.#add(key, flow, id | HEARD, this.#entries.get(key, flow));
  }

  /** Adds before it takes away, so that no count is ever below what is there. */
  #add(key: number, flow: number, value: number, old = 0): void {
    this.#entries.set(key, flow, value >>> 0);
    this.#count(value, 1);
    if (!(value & HEARD)) this.#unheard++;
    if (old === 0) return;
    this.#count(old, -1);
    if (!(old & HEARD)) this.#unheard--;
  }

  #drop(key: number, flow: number): void {
    const value = this.#entries.delete(key, flow);
    if (value === 0) return;
    this.#count(value, -1);
    if (!(value & HEARD)) this.#unheard--;
  }

  #count(value: number, by: number): void {
    Atomics.add(this.#counts, value & ID, by);
  }
}
