import { finish, step } from "./flow_hash.ts";

const KEY_WORDS = 5;

/** Five words → a number from 0 on: open addressing, at most half full. Made once, then only read. */
export class WordMap {
  readonly #keys: Int32Array;
  readonly #values: Int32Array;
  readonly #mask: number;

  /** @param size most keys that it is to hold */
  constructor(size: number) {
    const places = 2 ** Math.ceil(Math.log2(Math.max(2, 2 * size)));
    this.#mask = places - 1;
    this.#keys = new Int32Array(places * KEY_WORDS);
    this.#values = new Int32Array(places).fill(-1);
  }

  /** -1 where there is none. */
  get(a: number, b: number, c: number, d: number, e: number): number {
    return this.#values[this.#place(a, b, c, d, e)]!;
  }

  /** The last one holds. */
  set(a: number, b: number, c: number, d: number, e: number, value: number): void {
    const place = this.#place(a, b, c, d, e);
    this.#keys.set([a, b, c, d, e], place * KEY_WORDS);
    this.#values[place] = value;
  }

  /** Where the key is, or the free place where it would be. */
  #place(a: number, b: number, c: number, d: number, e: number): number {
    const keys = this.#keys;
    let place = finish(step(step(step(step(step(0, a), b), c), d), e)) & this.#mask;
    for (; this.#values[place]! >= 0; place = place + 1 & this.#mask) {
      const at = place * KEY_WORDS;
      if (
        keys[at] === a && keys[at + 1] === b && keys[at + 2] === c && keys[at + 3] === d &&
        keys[at + 4] === e
      ) break;
    }
    return place;
  }
}
