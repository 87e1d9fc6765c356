import { type Counts, hasRoom, type Pick, type Pool } from "./pool.ts";

/**
 * The backend with the fewest connections for its weight, as IPVS' wlc has it (ip_vs_wlc.c): active / weight,
 * compared by products. Among equals the first from `start` on, so that a start that goes round by the weights
 * makes it wrr where there is little to count. Backends at their limit are passed over.
 *
 * @param start index to look from
 * @returns false where all are at their limits, or nobody is there
 */
export function pickLeast(pool: Pool, counts: Counts, start: number, into: Pick): boolean {
  const { ids, weights } = pool;
  let best = -1;
  let bestActive = 0;
  for (let step = 0, index = start; step < ids.length; step++, index++) {
    if (index === ids.length) index = 0;
    const active = counts.activeOf(ids[index]!);
    if (!hasRoom(pool, index, active)) continue;
    if (best >= 0 && active * weights[best]! >= bestActive * weights[index]!) continue;
    best = index;
    bestActive = active;
  }
  into.index = best;
  into.active = bestActive;
  return best >= 0;
}
