import { finish } from "./flow_hash.ts";

const PLACES_MIN = 1024;
const ENTRY_WORDS = 3;

/**
 * Conntrack entries by their id and their flow's hash → a number above 0. A million of them take 25 MB: open
 * addressing, at most half full, linear, in one array. The kernel's id is a keyed hash of its own (linux 5.2), so
 * nobody outside can make them meet.
 */
export class FlowTable {
  #words = new Uint32Array(PLACES_MIN * ENTRY_WORDS);
  #mask = PLACES_MIN - 1;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** 0 where there is none. */
  get(id: number, flow: number): number {
    return this.#words[this.#find(id, flow) + 2]!;
  }

  set(id: number, flow: number, value: number): void {
    let at = this.#find(id, flow);
    if (this.#words[at + 2] === 0) {
      this.#size++;
      if (this.#size * 2 > this.#mask) {
        this.#grow();
        at = this.#find(id, flow);
      }
    }
    this.#words[at] = id;
    this.#words[at + 1] = flow;
    this.#words[at + 2] = value;
  }

  /** @returns what was there; 0 where nothing was */
  delete(id: number, flow: number): number {
    const at = this.#find(id, flow);
    const value = this.#words[at + 2]!;
    if (value !== 0) {
      this.#size--;
      this.#close(at);
    }
    return value;
  }

  forEach(visit: (id: number, flow: number, value: number) => void): void {
    const words = this.#words;
    for (let at = 0; at < words.length; at += ENTRY_WORDS) {
      if (words[at + 2] !== 0) visit(words[at]!, words[at + 1]!, words[at + 2]!);
    }
  }

  #home(id: number): number {
    return finish(id) & this.#mask;
  }

  /** Where the entry is, or would be: its first word. */
  #find(id: number, flow: number): number {
    const words = this.#words;
    let place = this.#home(id);
    for (;; place = place + 1 & this.#mask) {
      const at = place * ENTRY_WORDS;
      if (words[at + 2] === 0 || words[at] === id && words[at + 1] === flow) return at;
    }
  }

  /** Moves those behind a gap into it that are looked for from before it (Knuth, volume 3, algorithm 6.4R). */
  #close(gap: number): void {
    const words = this.#words;
    let hole = gap / ENTRY_WORDS;
    for (let place = hole + 1 & this.#mask;; place = place + 1 & this.#mask) {
      const at = place * ENTRY_WORDS;
      if (words[at + 2] === 0) break;
      const fromHome = place - this.#home(words[at]!) & this.#mask;
      if (fromHome < (place - hole & this.#mask)) continue;
      words.copyWithin(hole * ENTRY_WORDS, at, at + ENTRY_WORDS);
      hole = place;
    }
    words[hole * ENTRY_WORDS + 2] = 0;
  }

  #grow(): void {
    const old = this.#words;
    this.#mask = this.#mask * 2 + 1;
    this.#words = new Uint32Array(old.length * 2);
    for (let at = 0; at < old.length; at += ENTRY_WORDS) {
      if (old[at + 2] === 0) continue;
      this.#words.set(old.subarray(at, at + ENTRY_WORDS), this.#find(old[at]!, old[at + 1]!));
    }
  }
}
