import type { Counts, Pick, Pool } from "../../../lib/scheduler/pool.ts";

/** Test equipment: a pool whose ids are its indices plus one, and counts that a test can change. */
export function poolOf(weights: readonly number[], limits: readonly number[] = []): Pool {
  return {
    ids: Uint32Array.from(weights, (_, index) => index + 1),
    weights: Float64Array.from(weights),
    weight: weights.reduce((sum, weight) => sum + weight, 0),
    limits: Uint32Array.from(weights, (_, index) => limits[index] ?? 0),
  };
}

/** Connections by index into such a pool. */
export class Active implements Counts {
  readonly counts: number[];

  constructor(size: number, counts?: readonly number[]) {
    this.counts = counts ? [...counts] : new Array<number>(size).fill(0);
  }

  activeOf(id: number): number {
    return this.counts[id - 1]!;
  }

  get total(): number {
    return this.counts.reduce((sum, count) => sum + count, 0);
  }
}

export function newPick(): Pick {
  return { index: -1, active: -1 };
}
