import { jhash } from "./jhash.ts";

/** A backend in a Maglev table. The name alone decides its permutation, so every node builds the same. */
export interface Candidate {
  readonly id: number;
  readonly name: string;
  /** 0 gets no slots. */
  readonly weight: number;
}

/** Prime table sizes. Coarse steps, because a new size moves nearly every slot. */
const TABLE_SIZES: readonly number[] = [4093, 10_007, 65_521];

const OFFSET_SEED = 0x6f666673; // "offs"
const SKIP_SEED = 0x736b6970; // "skip"

/**
 * The table size for a number of configured backends: the smallest prime in the list that is more than
 * 100 times as large (Eisenbud et al., "Maglev", NSDI 2016, section 5.3), or the largest.
 */
export function maglevSize(backends: number): number {
  return TABLE_SIZES.find((size) => size > 100 * backends) ?? TABLE_SIZES.at(-1)!;
}

/**
 * Fills a Maglev table: every candidate walks its own permutation of the slots and takes the first free
 * one at each of its turns; turns come in proportion to the weights. Removing a candidate moves its
 * own slots and few others.
 *
 * @param size a prime
 * @returns candidate ids by slot; empty where nobody has a weight
 */
export function maglevTable(candidates: readonly Candidate[], size: number): number[] {
  const walkers = candidates
    .filter(({ weight }) => weight > 0)
    .sort((a, b) => a.name < b.name ? -1 : 1)
    .map((candidate) => new Walker(candidate, size));
  if (walkers.length === 0) return [];
  return fill(walkers, size);
}

function fill(walkers: readonly Walker[], size: number): number[] {
  const slots = new Array<number>(size).fill(0);
  const heaviest = walkers.reduce((most, { weight }) => Math.max(most, weight), 0);
  for (let filled = 0;;) {
    for (const walker of walkers) {
      if (!walker.hasTurn(heaviest)) continue;
      slots[walker.nextFree(slots)] = walker.id;
      if (++filled === size) return slots;
    }
  }
}

class Walker {
  readonly id: number;
  readonly weight: number;
  readonly #size: number;
  readonly #skip: number;
  #slot: number;
  #credit = 0;

  constructor(candidate: Candidate, size: number) {
    const name = new TextEncoder().encode(candidate.name);
    this.id = candidate.id;
    this.weight = candidate.weight;
    this.#size = size;
    this.#slot = jhash(name, OFFSET_SEED) % size;
    this.#skip = jhash(name, SKIP_SEED) % (size - 1) + 1;
  }

  /** The heaviest has a turn in every round, one of half its weight in every second. */
  hasTurn(heaviest: number): boolean {
    this.#credit += this.weight;
    if (this.#credit < heaviest) return false;
    this.#credit -= heaviest;
    return true;
  }

  /** Ids start at 1, so 0 is a free slot. The size is prime, so the walk meets every slot. */
  nextFree(slots: readonly number[]): number {
    while (slots[this.#slot] !== 0) this.#slot = (this.#slot + this.#skip) % this.#size;
    return this.#slot;
  }
}
