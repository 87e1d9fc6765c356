/** What threads look at between two batches: a few words of shared memory. */
const STOP = 0;
const TABLE = 1;
const WORDS = 2;

/** By which a worker's main thread steers the others, which hear no messages while they wait for packets. */
export class ThreadControl {
  readonly buffer: SharedArrayBuffer;
  readonly #words: Int32Array<SharedArrayBuffer>;

  /** @param buffer another thread's; made where there is none */
  constructor(buffer = new SharedArrayBuffer(WORDS * Int32Array.BYTES_PER_ELEMENT)) {
    this.buffer = buffer;
    this.#words = new Int32Array(buffer);
  }

  /** Another number with each table that is to be looked for among the messages. */
  get table(): number {
    return Atomics.load(this.#words, TABLE);
  }

  get isStopping(): boolean {
    return Atomics.load(this.#words, STOP) !== 0;
  }

  announceTable(): void {
    Atomics.add(this.#words, TABLE, 1);
  }

  stop(): void {
    Atomics.store(this.#words, STOP, 1);
  }
}
