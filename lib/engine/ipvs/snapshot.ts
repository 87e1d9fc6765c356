/**
 * IPVS as a value. The config and the kernel's tables both end up in this one form, so that one
 * comparison serves for planning, for repair and for the check after an apply.
 */
import {
  type CountedDestination,
  type Destination,
  destinationKeyText,
} from "../../netlink/ipvs/destination.ts";
import type { Protocol } from "../../model/service.ts";
import type { ServiceKey } from "../../netlink/ipvs/service.ts";
import type { EngineSnapshot } from "../engine.ts";
import type { Units } from "./rules/unit.ts";

/** A backend of a virtual service. */
export interface Place {
  readonly destination: Destination;
  /** As the state database has it; undefined where the kernel holds more than is on record. */
  readonly id?: number;
  /** Of a look at the kernel only. */
  readonly counted?: CountedDestination;
}

/** A virtual service: one VIP and port of one of lb's services. */
export interface Virtual {
  readonly key: ServiceKey;
  readonly scheduler: string;
  /** Persistence and the scheduler's own, without tag and mark. */
  readonly flags: number;
  readonly timeout_s: number;
  readonly mask: number;
  /** lb's service. Not of a look at the kernel. */
  readonly service?: string;
  /** Of its packets: a mark does not tell. Not of a look at the kernel. */
  readonly protocol?: Protocol;
  /** Whether it bears lb's tag. */
  readonly tagged: boolean;
  /** By `ADDRESS:PORT`. */
  readonly places: ReadonlyMap<string, Place>;
  /** Places that go at once with all their connections, by the same names. Not of a look at the kernel. */
  readonly forgotten?: ReadonlySet<string>;
}

/** All of lb's, as wanted or as found. */
export interface Snapshot extends EngineSnapshot {
  /** By `tcp 203.0.113.10:80`. */
  readonly virtuals: ReadonlyMap<string, Virtual>;
  /** Keys of other people's services. Of a look at the kernel only. */
  readonly foreign: ReadonlySet<string>;
  /** Rules of the packet filter that go with them. */
  readonly units: Units;
}

/** Nothing of ours. */
export const EMPTY_SNAPSHOT: Snapshot = {
  present: false,
  virtuals: new Map(),
  foreign: new Set(),
  units: new Map(),
};

/** All of a virtual service that a plan compares, as text. */
export function virtualSource({ scheduler, flags, timeout_s, mask, tagged }: Virtual): string {
  return `${scheduler} ${flags} ${timeout_s} /${mask}${tagged ? "" : " untagged"}`;
}

/** The same of a backend. */
export function placeSource({ destination }: Pick<Place, "destination">): string {
  const { forwarding, weight, upper_threshold, lower_threshold, tunnel_type } = destination;
  return `${forwarding} ${weight} ${lower_threshold}-${upper_threshold} ${tunnel_type}`;
}

/** How objects are named in plans, events and records. */
export function virtualObject(key: string): string {
  return `service ${key}`;
}

/** The same for a backend of a virtual service. */
export function placeObject(key: string, place: string): string {
  return `backend ${place} of ${key}`;
}

/** A place beside its name. */
export function placeEntry(place: Place): readonly [string, Place] {
  return [destinationKeyText(place.destination.key), place];
}

/** All connections the kernel has not forgotten: also half open and closing ones, which a delete cuts. */
export function connectionsOf(counted: CountedDestination | undefined): number {
  return (counted?.active_connections ?? 0) + (counted?.inactive_connections ?? 0);
}
