import type { SlotTable } from "./slots.ts";

/**
 * How many keys of all there are find another backend in one hash table than in another, from 0 to 1. Those
 * that found none, and had no connection, are not moved. Pure.
 */
export function movedShare(before: SlotTable, after: SlotTable): number {
  if (before.slots.length === 0) return 0;
  if (after.slots.length === 0) return 1;
  const hashes = [before, after].map(({ index }) => JSON.stringify(index));
  return hashes[0] === hashes[1]
    ? differingShare(before.slots, after.slots)
    : 1 - meetingShare(before.slots, after.slots);
}

/** A key has one hash in both, and the hash a slot by its place among all hashes (reciprocal_scale). */
function differingShare(before: readonly number[], after: readonly number[]): number {
  let [from, differing] = [0, 0];
  for (let [one, other] = [0, 0]; one < before.length && other < after.length;) {
    const [end, otherEnd] = [(one + 1) / before.length, (other + 1) / after.length];
    const to = Math.min(end, otherEnd);
    if (before[one] !== after[other]) differing += to - from;
    from = to;
    if (end === to) one++;
    if (otherEnd === to) other++;
  }
  return differing;
}

/** A key has a hash of its own in each: chance decides whether both give the same backend. */
function meetingShare(before: readonly number[], after: readonly number[]): number {
  const shares = sharesOf(after);
  return [...sharesOf(before)].reduce((sum, [id, share]) => sum + share * (shares.get(id) ?? 0), 0);
}

function sharesOf(slots: readonly number[]): Map<number, number> {
  const shares = new Map<number, number>();
  for (const id of slots) shares.set(id, (shares.get(id) ?? 0) + 1 / slots.length);
  return shares;
}
