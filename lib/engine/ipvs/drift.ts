import type { Committed } from "../engine.ts";
import { unitDrift } from "./rules/unit.ts";
import { desiredSnapshot } from "./desired.ts";
import { isLeaving } from "./leaving.ts";
import {
  placeObject,
  placeSource,
  type Snapshot,
  type Virtual,
  virtualObject,
  virtualSource,
} from "./snapshot.ts";

/** Objects that differ from what was committed. Of a service that is gone, its backends are not named. Pure. */
export function driftOf(have: Snapshot, committed: Committed): readonly string[] {
  const want = desiredSnapshot(committed.state);
  const changed = [...want.virtuals].flatMap(([key, virtual]) => {
    const found = have.virtuals.get(key);
    if (!found) return [virtualObject(key)];
    const isSame = virtualSource(found) === virtualSource(virtual);
    return [...(isSame ? [] : [virtualObject(key)]), ...placesOf(key, virtual, found, committed)];
  });
  const added = [...have.virtuals.keys()].filter((key) => !want.virtuals.has(key));
  return [...changed, ...added.map(virtualObject), ...unitDrift(want.units, have.units)];
}

function placesOf(key: string, want: Virtual, have: Virtual, { objects }: Committed): string[] {
  const changed = [...want.places].filter(([name, place]) => {
    const found = have.places.get(name);
    return !found || placeSource(found) !== placeSource(place);
  });
  const added = [...have.places].filter(([name, { destination }]) => {
    if (want.places.has(name)) return false;
    // What is leaving takes no new connections, and that is all that is asked of it.
    return !isLeaving(objects.get(placeObject(key, name))) || destination.weight > 0;
  });
  return [...changed, ...added].map(([name]) => placeObject(key, name));
}
