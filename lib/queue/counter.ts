import type { Counts } from "./protocol.ts";

/** Counts, until they are told. */
export class Counter {
  seen = 0;
  left_to_kernel = 0;
  events_lost = 0;
  readonly #chosen = new Map<number, number>();

  choose(id: number): void {
    this.#chosen.set(id, (this.#chosen.get(id) ?? 0) + 1);
  }

  add(tally: Counts): void {
    this.seen += tally.seen;
    this.left_to_kernel += tally.left_to_kernel;
    this.events_lost += tally.events_lost;
    for (const [id, count] of tally.chosen) {
      this.#chosen.set(id, (this.#chosen.get(id) ?? 0) + count);
    }
  }

  /** What was counted so far. */
  read(): Counts {
    const { seen, left_to_kernel, events_lost } = this;
    return { seen, left_to_kernel, events_lost, chosen: [...this.#chosen] };
  }

  /** What was counted since it was taken last. */
  take(): Counts {
    const tally = this.read();
    this.seen = this.left_to_kernel = this.events_lost = 0;
    this.#chosen.clear();
    return tally;
  }
}
