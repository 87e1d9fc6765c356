import { type Counts, hasRoom, type Pick, type Pool } from "./pool.ts";

/** What rounding may add to a product that should be a whole number. */
const ROUNDING = 1e-9;

/**
 * Most connections that a backend may have so that none is over (1 + bound) × its share of all: the ceiling of it,
 * so that there is always room for one more (Mirrokni, Thorup, Zadimoghaddam: "Consistent Hashing with Bounded
 * Loads", SODA 2018, section 1).
 *
 * @param bound above 0
 * @param total connections of all, the one to come included
 */
export function capacityOf(bound: number, total: number, weight: number, weights: number): number {
  return Math.ceil((1 + bound) * total * weight / weights - ROUNDING);
}

/**
 * The first backend along the slots that has room: below its limit and, with a bound, below its capacity. Who
 * leaves a full backend goes to the next one in the order of his slot, so the same client finds the same second
 * choice.
 *
 * @param slots indices into the pool
 * @param start the slot that the hash, or the turn, came to
 * @param bound 0 is none: limits alone count
 * @returns false where all are at their limits, or nobody is there
 */
export function pickAlong(
  slots: Uint16Array,
  start: number,
  bound: number,
  pool: Pool,
  counts: Counts,
  into: Pick,
): boolean {
  const total = bound > 0 ? totalOf(pool, counts) + 1 : 0;
  let full = -1;
  for (let step = 0, slot = start; step < slots.length; step++, slot++) {
    if (slot === slots.length) slot = 0;
    const index = slots[slot]!;
    if (index === full) continue;
    const active = counts.activeOf(pool.ids[index]!);
    const isFree = bound === 0 ||
      active < capacityOf(bound, total, pool.weights[index]!, pool.weight);
    if (isFree && hasRoom(pool, index, active)) {
      into.index = index;
      into.active = active;
      return true;
    }
    full = index;
  }
  return false;
}

function totalOf({ ids }: Pool, counts: Counts): number {
  let total = 0;
  for (let index = 0; index < ids.length; index++) total += counts.activeOf(ids[index]!);
  return total;
}
