/** Flows that are remembered, in buckets of a few: 10,000 new ones a second for as long as any. */
const BUCKETS = 8192;
const BUCKET_FLOWS = 4;

/** A lock, then of each flow its hash, its backend's id and when that was chosen, ms, all modulo 2^32. */
const FLOW_WORDS = 3;
const BUCKET_WORDS = 1 + BUCKET_FLOWS * FLOW_WORDS;

/** What waits is let go on long before that, and what was chosen for is a connection by then, or never. */
const RECENT_MS = 3_000;

/** Who holds a lock chooses meanwhile, in a microsecond: unless it is put to sleep there. */
const LOCK_ATTEMPTS = 40;
const LOCK_EVERY_MS = 0.05;

/** Memory for {@linkcode RecentChoices}, to be posted to threads as it is. @param buckets a power of two */
export function newRecent(buckets = BUCKETS): SharedArrayBuffer {
  return new SharedArrayBuffer(buckets * BUCKET_WORDS * Int32Array.BYTES_PER_ELEMENT);
}

/**
 * What was chosen for flows a moment ago, by whichever thread. Before the first datagram of a flow has its verdict,
 * others may be queued (a resolver asks for A and AAAA at once), which have to go to the same backend. Never grows:
 * the oldest is forgotten.
 */
export class RecentChoices {
  readonly #words: Int32Array<SharedArrayBuffer>;
  readonly #mask: number;
  readonly #now_ms: () => number;
  #bucket = 0;
  #isLocked = false;

  /** @param now_ms the same clock for all threads; where it is set back, what is remembered is forgotten */
  constructor(memory: SharedArrayBuffer, now_ms: () => number = Date.now) {
    this.#words = new Int32Array(memory);
    this.#mask = this.#words.length / BUCKET_WORDS - 1;
    this.#now_ms = now_ms;
  }

  /**
   * The backend that this flow was given; 0 where it was given none. No other thread chooses for it until
   * {@linkcode RecentChoices.settle}, which has to follow.
   *
   * @param flow its hash
   */
  recall(flow: number): number {
    this.#bucket = (flow & this.#mask) * BUCKET_WORDS;
    this.#isLocked = this.#lock();
    const at = this.#placeOf(flow);
    const isRecent = this.#words[at] === (flow | 0) && this.#age(at) < RECENT_MS;
    return isRecent ? this.#words[at + 1]! : 0;
  }

  /** The flow that was looked for has been given this backend; 0 is none. */
  settle(flow: number, id: number): void {
    const at = this.#placeOf(flow);
    const isNew = this.#words[at] !== (flow | 0) || this.#words[at + 1] !== id ||
      this.#age(at) >= RECENT_MS;
    if (id !== 0 && isNew) {
      this.#words[at] = flow;
      this.#words[at + 1] = id;
      this.#words[at + 2] = this.#now_ms();
    }
    if (this.#isLocked) Atomics.store(this.#words, this.#bucket, 0);
  }

  /** Whoever cannot get it goes on without: a thread may have died there. */
  #lock(): boolean {
    for (let attempt = 0; attempt < LOCK_ATTEMPTS; attempt++) {
      if (Atomics.compareExchange(this.#words, this.#bucket, 0, 1) === 0) return true;
      Atomics.wait(this.#words, this.#bucket, 1, LOCK_EVERY_MS);
    }
    return false;
  }

  /** Where the flow is, or the oldest of its bucket. */
  #placeOf(flow: number): number {
    const first = this.#bucket + 1;
    let oldest = first;
    for (let at = first; at < this.#bucket + BUCKET_WORDS; at += FLOW_WORDS) {
      if (this.#words[at] === (flow | 0) && this.#words[at + 1] !== 0) return at;
      if (this.#age(at) > this.#age(oldest)) oldest = at;
    }
    return oldest;
  }

  #age(at: number): number {
    return this.#words[at + 1] === 0 ? Infinity : (this.#now_ms() - this.#words[at + 2]!) >>> 0;
  }
}
