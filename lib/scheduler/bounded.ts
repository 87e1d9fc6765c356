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
 * Slots to walk for each backend: whose share is a fair one, is met on the way but for one time in 3,000. All
 * slots of a large table would be half a millisecond, for each packet of a flood that finds everybody full.
 */
const WALK_FACTOR = 8;

/**
 * The first backend along the slots that has room: below its limit and, with a bound, below its capacity. Who
 * leaves a full backend goes to the next one in the order of his slot, so the same client finds the same second
 * choice. Who has room and is on none of the slots nearby comes last.
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
  const backends = pool.ids.length;
  const steps = Math.min(slots.length, WALK_FACTOR * backends);
  let full = -1;
  for (let step = 0, slot = start; step < steps; step++, slot++) {
    if (slot === slots.length) slot = 0;
    const index = slots[slot]!;
    if (index === full) continue;
    if (isFree(pool, counts, index, bound, total, into)) return true;
    full = index;
  }
  for (let index = 0; index < backends; index++) {
    if (isFree(pool, counts, index, bound, total, into)) return true;
  }
  return false;
}

/** Whether the backend has room; it is the one picked then. */
function isFree(
  pool: Pool,
  counts: Counts,
  index: number,
  bound: number,
  total: number,
  into: Pick,
): boolean {
  const active = counts.activeOf(pool.ids[index]!);
  into.index = index;
  into.active = active;
  if (bound > 0 && active >= capacityOf(bound, total, pool.weights[index]!, pool.weight)) {
    return false;
  }
  return hasRoom(pool, index, active);
}

function totalOf({ ids }: Pool, counts: Counts): number {
  let total = 0;
  for (let index = 0; index < ids.length; index++) total += counts.activeOf(ids[index]!);
  return total;
}
