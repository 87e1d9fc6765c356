/** Numbers that are the same for the same seed, on every machine: xorshift32. */
export class Random {
  #state: number;

  constructor(seed: number) {
    // Zero is the one state it never leaves.
    this.#state = seed >>> 0 || 0x9e3779b9;
  }

  /** A whole number from 0 to `limit` - 1; 0 where there is none. */
  below(limit: number): number {
    let state = this.#state;
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    this.#state = state >>> 0;
    return limit > 0 ? this.#state % limit : 0;
  }

  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)]!;
  }
}
