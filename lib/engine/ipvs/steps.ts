import type { Destination, DestinationKey } from "../../netlink/ipvs/destination.ts";
import {
  type ServiceKey,
  serviceKeyText,
  type VirtualService,
} from "../../netlink/ipvs/service.ts";
import { type Place, placeSource, type Snapshot, type Virtual, virtualSource } from "./snapshot.ts";
import { taggedFlags } from "./tag.ts";

/** One request to the kernel. `about` names the object in errors. */
export type Step =
  | {
    readonly op: "add service" | "set service";
    readonly service: VirtualService;
    readonly about: string;
  }
  | { readonly op: "delete service"; readonly key: ServiceKey; readonly about: string }
  | {
    readonly op: "add backend" | "set backend";
    readonly key: ServiceKey;
    readonly destination: Destination;
    readonly about: string;
  }
  | {
    readonly op: "delete backend";
    readonly key: ServiceKey;
    readonly destination: DestinationKey;
    readonly about: string;
  }
  /** Those that have no connection left by then; the others stay as they are. */
  | {
    readonly op: "delete idle backends";
    readonly key: ServiceKey;
    readonly names: ReadonlySet<string>;
    readonly about: string;
  };

/** What differs between two snapshots, by where it is in the order of the steps. */
export interface Difference {
  readonly added: readonly Virtual[];
  readonly changed: readonly { readonly virtual: Virtual; readonly found: Virtual }[];
  readonly removed: readonly Virtual[];
  readonly addedPlaces: readonly PlaceOf[];
  readonly changedPlaces: readonly PlaceOf[];
  readonly removedPlaces: readonly PlaceOf[];
}

/** A backend with the virtual service it is of. */
export interface PlaceOf {
  readonly virtual: Virtual;
  readonly name: string;
  readonly place: Place;
  /** As it is now; undefined where it is not there. */
  readonly found?: Place;
}

/** Compares. Pure. */
export function difference(want: Snapshot, have: Snapshot): Difference {
  const draft = {
    ...{ added: new Array<Virtual>(), changed: new Array<Difference["changed"][number]>() },
    ...{ addedPlaces: new Array<PlaceOf>(), changedPlaces: new Array<PlaceOf>() },
    removedPlaces: new Array<PlaceOf>(),
  };
  for (const [key, virtual] of want.virtuals) {
    const found = have.virtuals.get(key);
    if (!found) draft.added.push(virtual);
    else if (virtualSource(found) !== virtualSource(virtual)) {
      draft.changed.push({ virtual, found });
    }
    for (const [name, place] of virtual.places) {
      const there = found?.places.get(name);
      const row = { virtual, name, place, found: there };
      if (!there) draft.addedPlaces.push(row);
      else if (differs(place, there)) draft.changedPlaces.push(row);
    }
    for (const [name, place] of found?.places ?? []) {
      const row = { virtual, name, place, found: place };
      if (!virtual.places.has(name)) draft.removedPlaces.push(row);
    }
  }
  const removed = [...have.virtuals].filter(([key]) => !want.virtuals.has(key))
    .map(([, virtual]) => virtual);
  return { ...draft, removed };
}

/** A backend of another id is another backend: what was counted before is not its own. */
function differs(place: Place, found: Place): boolean {
  return place.id !== found.id || placeSource(place) !== placeSource(found);
}

/** Writes one service, or anew. Which one bears the mark is decided when the steps are carried out. */
export function serviceStep(op: "add service" | "set service", virtual: Virtual): Step {
  const { key, scheduler, timeout_s, mask } = virtual;
  const service = { key, scheduler, timeout_s, mask, flags: taggedFlags(virtual.flags, 0) };
  return { op, service, about: aboutVirtual(virtual) };
}

/** Takes a service away with all its backends. */
export function deleteServiceStep(virtual: Virtual): Step {
  return { op: "delete service", key: virtual.key, about: aboutVirtual(virtual) };
}

/** Writes one backend, or anew. @param weight in place of its own */
export function placeStep(
  op: "add backend" | "set backend",
  { virtual, name, place }: PlaceOf,
  weight = place.destination.weight,
): Step {
  const destination = { ...place.destination, weight };
  return { op, key: virtual.key, destination, about: aboutPlace(virtual, name) };
}

/** Takes a backend away, whatever connections it has. */
export function deletePlaceStep({ virtual, name, place }: PlaceOf): Step {
  const { key: destination } = place.destination;
  return { op: "delete backend", key: virtual.key, destination, about: aboutPlace(virtual, name) };
}

/** Takes backends of one service away, where they are idle by then. */
export function deleteIdleSteps(places: readonly PlaceOf[]): Step[] {
  const byVirtual = Map.groupBy(places, ({ virtual }) => virtual);
  return Array.from(byVirtual, ([virtual, leaving]) => ({
    op: "delete idle backends",
    key: virtual.key,
    names: new Set(leaving.map(({ name }) => name)),
    about: aboutVirtual(virtual),
  }));
}

function aboutVirtual({ service, key }: Virtual): string {
  const text = serviceKeyText(key);
  return service === undefined ? text : `${text} of service ${service}`;
}

function aboutPlace(virtual: Virtual, name: string): string {
  return `${name} behind ${aboutVirtual(virtual)}`;
}
