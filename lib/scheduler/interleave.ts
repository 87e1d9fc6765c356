/** Most slots a weighted interleave may have before weights are rounded: a cycle nobody waits for. */
export const INTERLEAVE_SLOTS_MAX = 4096;

/** Something with a share of the slots. Weight 0 gets none. */
export interface Weighted {
  readonly id: number;
  readonly weight: number;
}

/**
 * Smooth weighted round robin (as in nginx): each entry appears weight / gcd times per cycle, spread
 * as evenly as can be, so that a heavy backend gets no bursts.
 *
 * Where a cycle would be longer than {@linkcode INTERLEAVE_SLOTS_MAX}, weights are rounded to fit and
 * nobody with a weight is left out.
 *
 * @returns ids; as many as Σ(weight / gcd)
 */
export function interleave(entries: readonly Weighted[]): number[] {
  const turns = boundTurns(reduceTurns(entries.filter(({ weight }) => weight > 0)));
  const total = turns.reduce((sum, { weight }) => sum + weight, 0);
  const credit = turns.map(() => 0);
  return Array.from({ length: total }, () => nextTurn(turns, credit, total));
}

function nextTurn(turns: readonly Weighted[], credit: number[], total: number): number {
  let best = 0;
  for (const [index, turn] of turns.entries()) {
    credit[index]! += turn.weight;
    if (credit[index]! > credit[best]!) best = index;
  }
  credit[best]! -= total;
  return turns[best]!.id;
}

function reduceTurns(entries: readonly Weighted[]): Weighted[] {
  const divisor = entries.reduce((gcd, { weight }) => greatestCommonDivisor(gcd, weight), 0);
  return entries.map(({ id, weight }) => ({ id, weight: weight / divisor }));
}

function boundTurns(turns: Weighted[]): Weighted[] {
  const total = turns.reduce((sum, { weight }) => sum + weight, 0);
  const limit = Math.max(INTERLEAVE_SLOTS_MAX, turns.length);
  if (total <= limit) return turns;
  const spare = limit - turns.length;
  return reduceTurns(
    turns.map(({ id, weight }) => ({ id, weight: 1 + Math.floor(weight / total * spare) })),
  );
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
