import { StalePlanError } from "../engine.ts";
import { type Listed, readSnapshot, textOf, tokenOf } from "./listing.ts";
import type { IpvsPlan } from "./plan.ts";
import { placeSource, type Snapshot, type Virtual, virtualSource } from "./snapshot.ts";

/**
 * Somebody was there since the plan was made: at anything that it depends on? Pure.
 *
 * @throws {StalePlanError} if so
 */
export function refuseStale({ want, have }: IpvsPlan, before: readonly Listed[]): void {
  const now = readSnapshot(before);
  const isTaken = [...want.virtuals.keys()].some((key) =>
    now.foreign.has(key) || !have.virtuals.has(key) && now.virtuals.has(key)
  );
  const isOther = [...have.virtuals].some(([key, virtual]) => !matches(virtual, now, key));
  const token = now.present ? tokenOf(before, { token: have.token ?? "" }) : undefined;
  if (!isTaken && !isOther && token === have.token) return;
  throw new StalePlanError("ipvs", "IPVS changed since the plan was made");
}

/** Whether a virtual service is as expected; what takes no new connections may be there besides. */
function matches(expected: Virtual, { virtuals }: Snapshot, key: string): boolean {
  const found = virtuals.get(key);
  if (!found || virtualSource(found) !== virtualSource(expected)) return false;
  const isThere = [...expected.places].every(([name, place]) => {
    const there = found.places.get(name);
    return there !== undefined && placeSource(there) === placeSource(place);
  });
  return isThere &&
    [...found.places].every(([name, { destination }]) =>
      expected.places.has(name) || destination.weight === 0
    );
}

/** The first thing that is not as the plan and nobody else would have left it. Pure. */
export function disturbance(
  { want, have }: IpvsPlan,
  before: readonly Listed[],
  after: readonly Listed[],
): string | undefined {
  const now = readSnapshot(after);
  const isTouched = (key: string) => want.virtuals.has(key) || have.virtuals.has(key);
  const untouched = (listed: readonly Listed[]) =>
    new Map(listed.filter(({ name }) => !isTouched(name)).map((one) => [one.name, textOf(one)]));
  const [texts, found] = [untouched(before), untouched(after)];
  return [...want.virtuals].find(([key, virtual]) => !matches(virtual, now, key))?.[0] ??
    [...have.virtuals.keys()].find((key) => !want.virtuals.has(key) && now.virtuals.has(key)) ??
    [...texts].find(([key, text]) => found.get(key) !== text)?.[0] ??
    [...found.keys()].find((key) => !texts.has(key));
}
