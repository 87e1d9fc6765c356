import { type IpvsConnection, withIpvs } from "../../netlink/ipvs/connection.ts";
import { type CountedDestination, destinationKeyText } from "../../netlink/ipvs/destination.ts";
import { serviceKeyText, type VirtualService } from "../../netlink/ipvs/service.ts";
import type { Kernel, SocketsPort } from "../../sys/ports.ts";
import type { Committed, Look } from "../engine.ts";
import { fingerprint } from "../../model/fingerprint.ts";
import { type Listings, listUnits } from "./rules/listing.ts";
import { foundUnits, unitObject } from "./rules/unit.ts";
import { desiredSnapshot } from "./desired.ts";
import { leavingId } from "./leaving.ts";
import {
  connectionsOf,
  EMPTY_SNAPSHOT,
  type Place,
  placeEntry,
  placeObject,
  placeSource,
  type Snapshot,
  type Virtual,
  virtualSource,
} from "./snapshot.ts";
import { markText, readFlags } from "./tag.ts";

/** A virtual service as the kernel lists it. */
export interface Listed {
  readonly name: string;
  readonly service: VirtualService;
  /** undefined where it is somebody else's. */
  readonly destinations?: readonly CountedDestination[];
}

/** Services that are lb's, even if they should have lost its tag. */
export type Known = (key: string) => boolean;

/** What the kernel holds; undefined where IPVS is not loaded. @throws {KernelError} */
export function listAll(
  sockets: SocketsPort,
  isKnown: Known = () => false,
): Listed[] | undefined {
  return withIpvs(sockets, (ipvs) => listWith(ipvs, isKnown));
}

/** The same over a connection that is open. */
export function listWith(ipvs: IpvsConnection, isKnown: Known = () => false): Listed[] {
  return ipvs.services().map((service): Listed => {
    const name = serviceKeyText(service.key);
    const isOurs = readFlags(service.flags).tagged || isKnown(name);
    return { name, service, destinations: isOurs ? ipvs.destinations(service.key) : undefined };
  });
}

/** A look at the kernel. The record tells ids, which the kernel has no room for. @throws {KernelError} */
export async function observe(kernel: Kernel, committed?: Committed): Promise<Look<Snapshot>> {
  const recorded = committed && desiredSnapshot(committed.state);
  const listed = listAll(kernel.sockets, (key) => recorded?.virtuals.has(key) ?? false);
  const listings = await listUnits(kernel, {
    chains: committed !== undefined || isAnyOurs(listed),
    isKnown: (unit) => committed?.objects.has(unitObject(unit)) ?? false,
  });
  const snapshot = readSnapshot(listed, committed, recorded);
  const have = withUnits(snapshot, listings, committed, recorded);
  return { have, stamp: stampOf(listed, listings) };
}

/** Rules alone are something of the engine's, too. */
function withUnits(
  snapshot: Snapshot,
  listings: Listings,
  committed?: Committed,
  recorded?: Snapshot,
): Snapshot {
  if (listings.size === 0) return snapshot;
  const token = snapshot.token ?? committed?.token;
  const units = foundUnits(listings, committed, recorded?.units);
  return { ...snapshot, present: true, units, token };
}

/** Engine.stamp. */
export async function readStamp(kernel: Kernel): Promise<string> {
  const listed = listAll(kernel.sockets);
  return stampOf(listed, await listUnits(kernel, { chains: isAnyOurs(listed) }));
}

/** Without services of lb's there are no rules of lb's, but of a run that was cut off: the record tells. */
function isAnyOurs(listed: readonly Listed[] | undefined): boolean {
  return listed?.some(isOurs) ?? false;
}

/** A listing as a snapshot. Pure. @param recorded what `committed` should have in the kernel */
export function readSnapshot(
  listed: readonly Listed[] | undefined,
  committed?: Committed,
  recorded?: Snapshot,
): Snapshot {
  if (!listed) return EMPTY_SNAPSHOT;
  const idOf = (key: string, place: string) =>
    recorded?.virtuals.get(key)?.places.get(place)?.id ??
      leavingId(committed?.objects.get(placeObject(key, place)));
  const virtuals = new Map(
    listed.filter(isOurs).map((one) => [one.name, virtualOf(one, idOf)]),
  );
  const foreign = new Set(listed.filter((one) => !isOurs(one)).map(({ name }) => name));
  const present = virtuals.size > 0;
  const token = present ? tokenOf(listed, committed) : undefined;
  return { ...EMPTY_SNAPSHOT, present, virtuals, foreign, token };
}

/**
 * The mark on it. Two are there where a run was cut off while it moved it to another service: the newer
 * one counts. Where somebody has taken the one service that bore it, the record says whose the rest is.
 */
export function tokenOf(
  listed: readonly Listed[],
  committed?: Pick<Committed, "token">,
): string | undefined {
  const marks = listed.map(({ service }) => readFlags(service.flags).mark).filter((mark) =>
    mark > 0
  )
    .map(markText);
  return marks.find((mark) => mark !== committed?.token) ?? marks[0] ?? committed?.token;
}

/** Another one after every change of what a look tells, counters left out. Pure. */
export function stampOf(listed: readonly Listed[] | undefined, listings: Listings): string {
  const rules = Array.from(listings, ([name, words]) => ` ${name} ${fingerprint(words)}`).join("");
  if (!listed) return `not loaded${rules}`;
  const lines = listed.map((one) =>
    `${one.name} ${readFlags(one.service.flags).mark} ${textOf(one)}`
  );
  return `${lines.length} ${fingerprint(lines.sort().join("\n"))}${rules}`;
}

/** A virtual service as a text, equal for equal ones; counters and the mark left out. Pure. */
export function textOf(listed: Listed): string {
  const { plain, tagged } = readFlags(listed.service.flags);
  if (!tagged) return `foreign ${plain}`;
  const virtual = virtualOf(listed, () => undefined);
  const places = [...virtual.places].map(([name, place]) =>
    `${name} ${placeSource(place)}${isIdle(place) ? " idle" : ""}`
  );
  return [virtualSource(virtual), ...places.sort()].join("\n ");
}

/** Whether a backend that gets no connections has none left. */
function isIdle({ destination: { weight }, counted }: Place): boolean {
  return weight === 0 && connectionsOf(counted) === 0;
}

export function isOurs({ destinations }: Listed): boolean {
  return destinations !== undefined;
}

function virtualOf(
  { name, service, destinations = [] }: Listed,
  idOf: (key: string, place: string) => number | undefined,
): Virtual {
  const { plain: flags, tagged } = readFlags(service.flags);
  const { key, scheduler, timeout_s, mask } = service;
  const places = destinations.map((counted) => {
    const id = idOf(name, destinationKeyText(counted.key));
    return placeEntry({ destination: counted, id, counted });
  });
  return { key, scheduler, timeout_s, mask, flags, tagged, places: new Map(places) };
}
