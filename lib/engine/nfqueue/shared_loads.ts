import { fitsMark, type MarkLayout } from "../../model/mark.ts";
import type { Counts } from "../../scheduler/pool.ts";
import { newRecent, RecentChoices } from "./recent.ts";

/** Ids that are counted: beyond, a mask of 31 bits would take gigabytes. Others are not chosen by load. */
const IDS_MAX = 2 ** 20;

/** Choices that may wait for the events thread, a power of two: of a third of a second, at 20,000 a second. */
const RING_SLOTS = 8192;

/** No backend has this id: among the counts there stands whether nobody keeps them. */
const ABANDONED = 0;

/** Words of a ring: how many were put in and taken out, ever, then two for each choice. */
const PUT = 0;
const TAKEN = 1;
const FIRST = 2;
const CHOICE_WORDS = 2;

/** Memory that queue threads and the events thread share; to be posted to them as it is. */
export interface SharedLoads {
  /** Connections by backend id. */
  readonly counts: SharedArrayBuffer;
  /** Choices of each queue thread. */
  readonly rings: readonly SharedArrayBuffer[];
  /** What was chosen a moment ago. */
  readonly recent: SharedArrayBuffer;
  /** Of the hashes of flows. */
  readonly seed: number;
}

/** @param threads that choose */
export function newSharedLoads(layout: MarkLayout, threads: number): SharedLoads {
  const ids = Math.min(layout.idMax + 1, IDS_MAX);
  const words = FIRST + RING_SLOTS * CHOICE_WORDS;
  return {
    counts: new SharedArrayBuffer(ids * 4),
    rings: Array.from({ length: threads }, () => new SharedArrayBuffer(words * 4)),
    recent: newRecent(),
    seed: crypto.getRandomValues(new Int32Array(1))[0]!,
  };
}

/** Tells who chooses that nobody keeps these counts: what they say is not to be chosen by. */
export function abandonLoads({ counts }: SharedLoads): void {
  Atomics.store(new Int32Array(counts), ABANDONED, 1);
}

/** Whether connections of this backend can be told from others', and are counted. */
export function isCounted(layout: MarkLayout, id: number): boolean {
  return fitsMark(layout, id) && id < IDS_MAX;
}

/** What who chooses has to know of loads, and to tell. */
export interface Loads extends Counts {
  /** Of the hashes of flows. */
  readonly seed: number;
  /** What was chosen a moment ago, by any thread. */
  readonly recent: RecentChoices;
  /** Whether somebody keeps the counts. */
  readonly isKept: boolean;
  /**
   * Counts a connection that is about to be, unless the count has changed since it was looked at.
   *
   * @param active what {@linkcode Counts.activeOf} gave
   * @param flow its hash, by which it is known when it comes to be
   * @returns false where the count is another by now
   */
  take(id: number, active: number, flow: number): boolean;
}

/** One queue thread's view. */
export class ThreadLoads implements Loads {
  readonly seed: number;
  readonly recent: RecentChoices;
  readonly #counts: Int32Array<SharedArrayBuffer>;
  readonly #ring: Int32Array<SharedArrayBuffer>;

  /** @param thread from 0; each has one of its own */
  constructor({ counts, rings, recent, seed }: SharedLoads, thread: number) {
    const ring = rings[thread];
    if (!ring) throw new RangeError(`no thread ${thread} of ${rings.length}`);
    this.seed = seed;
    this.recent = new RecentChoices(recent);
    this.#counts = new Int32Array(counts);
    this.#ring = new Int32Array(ring);
  }

  get isKept(): boolean {
    return Atomics.load(this.#counts, ABANDONED) === 0;
  }

  activeOf(id: number): number {
    return Atomics.load(this.#counts, id);
  }

  take(id: number, active: number, flow: number): boolean {
    const ring = this.#ring;
    const put = Atomics.load(ring, PUT);
    // Where nobody takes them out, what is chosen is counted when its entry is made.
    if ((put - Atomics.load(ring, TAKEN) | 0) >= RING_SLOTS) return true;
    if (Atomics.compareExchange(this.#counts, id, active, active + 1) !== active) return false;
    const at = FIRST + (put & RING_SLOTS - 1) * CHOICE_WORDS;
    ring[at] = flow;
    ring[at + 1] = id;
    Atomics.store(ring, PUT, put + 1 | 0);
    return true;
  }
}

/** The other end of one thread's ring. */
export class Choices {
  readonly #ring: Int32Array<SharedArrayBuffer>;

  constructor(ring: SharedArrayBuffer) {
    this.#ring = new Int32Array(ring);
  }

  /** Takes out all that are there. */
  drain(visit: (flow: number, id: number) => void): void {
    const ring = this.#ring;
    const put = Atomics.load(ring, PUT);
    let taken = Atomics.load(ring, TAKEN);
    for (; taken !== put; taken = taken + 1 | 0) {
      const at = FIRST + (taken & RING_SLOTS - 1) * CHOICE_WORDS;
      visit(ring[at]! >>> 0, ring[at + 1]!);
    }
    Atomics.store(ring, TAKEN, taken);
  }
}
