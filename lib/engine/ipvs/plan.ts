import type { Change } from "../../model/change.ts";
import { LbError } from "../../model/error.ts";
import { plural } from "../../model/plural.ts";
import { serviceKeyText } from "../../netlink/ipvs/service.ts";
import type { EnginePlan } from "../engine.ts";
import { unitChanges, type UnitStep, unitSteps } from "./rules/unit.ts";
import {
  connectionsOf,
  type Place,
  placeObject,
  type Snapshot,
  type Virtual,
  virtualObject,
} from "./snapshot.ts";
import {
  deleteIdleSteps,
  deletePlaceStep,
  deleteServiceStep,
  type Difference,
  difference,
  type PlaceOf,
  placeStep,
  serviceStep,
  type Step,
} from "./steps.ts";
import { markFor, markText } from "./tag.ts";

/** Changes for people, and the requests that make them, in their order. */
export interface IpvsPlan extends EnginePlan {
  readonly steps: readonly Step[];
  /** Rules of the packet filter, written after the steps. */
  readonly unit_steps: readonly UnitStep[];
  readonly want: Snapshot;
  /** What it was planned against. */
  readonly have: Snapshot;
}

/**
 * The way from one state to the other. IPVS has no transactions, so every prefix of it is safe: services,
 * then backends added, then weights, then backends set to 0, then removed (architecture.md). Pure.
 *
 * @throws {LbError} `unsupported` where a virtual service that is wanted is somebody else's
 */
export function planIpvs(want: Snapshot, have: Snapshot, token: string): IpvsPlan {
  refuseForeign(want, have);
  const found = difference(want, have);
  const changes = [...describe(found), ...unitChanges(want.units, have.units)];
  const steps = changes.length === 0 ? [] : stepsOf(found);
  const unit_steps = unitSteps(want.units, have.units);
  const counters = begunCounters(want, have);
  return { changes, token: markText(markFor(token)), counters, steps, unit_steps, want, have };
}

/** A backend that is nowhere yet is counted from 0. */
function begunCounters(want: Snapshot, have: Snapshot): Map<number, number> {
  const known = new Set(idsOf(have));
  return new Map(idsOf(want).filter((id) => !known.has(id)).map((id) => [id, 0]));
}

function idsOf({ virtuals }: Snapshot): number[] {
  return [...virtuals.values()].flatMap(({ places }) =>
    [...places.values()].flatMap(({ id }) => id ?? [])
  );
}

function refuseForeign(want: Snapshot, have: Snapshot): void {
  const taken = [...want.virtuals].filter(([key]) => have.foreign.has(key));
  if (taken.length === 0) return;
  const lines = taken.map(([key, { service }]) =>
    `service ${service}: IPVS has a virtual service ${key} already, and it is not lb's`
  );
  const remedy =
    'Take it away ("ipvsadm -Ln" shows it, "ipvsadm -D" deletes it), or leave it to whoever ' +
    "made it, and this VIP and port out of the config. Nothing was changed.";
  throw new LbError("unsupported", [...lines, remedy].join("\n"));
}

function stepsOf(found: Difference): Step[] {
  const [serving, resting] = partition(found.changedPlaces, ({ place }) => weightOf(place) > 0);
  const [forgotten, awaited] = partition(found.removedPlaces, isForgotten);
  return [
    ...found.changed.map(({ virtual }) => serviceStep("set service", virtual)),
    ...found.added.map((virtual) => serviceStep("add service", virtual)),
    ...found.addedPlaces.map((row) => placeStep("add backend", row)),
    ...[...serving, ...resting].map((row) => placeStep("set backend", row)),
    ...awaited.filter(({ place }) => weightOf(place) > 0)
      .map((row) => placeStep("set backend", row, 0)),
    ...deleteIdleSteps(awaited.filter(isUnused)),
    ...forgotten.map(deletePlaceStep),
    ...found.removed.map(deleteServiceStep),
  ];
}

/**
 * A udp flow has no end, and goes to a dead backend for as long as somebody sends: it is forgotten at
 * once, and its next packet finds another. So is what was cut.
 */
function isForgotten({ virtual: { protocol, forgotten }, name }: PlaceOf): boolean {
  return protocol === "udp" || (forgotten?.has(name) ?? false);
}

function isUnused({ place: { counted } }: PlaceOf): boolean {
  return connectionsOf(counted) === 0;
}

function weightOf({ destination: { weight } }: Place): number {
  return weight;
}

function describe(found: Difference): Change[] {
  return [
    ...found.changed.map(describeChanged),
    ...found.added.map((virtual) =>
      change("add", objectOf({ virtual }), `${virtualText(virtual)}, service ${virtual.service}`)
    ),
    ...found.addedPlaces.map((row) => change("add", objectOf(row), placeText(row.place))),
    ...found.changedPlaces.map((row) =>
      change("change", objectOf(row), describePlace(row.found!, row.place))
    ),
    ...found.removedPlaces.flatMap(describeRemoved),
    ...found.removed.map((virtual) =>
      change("remove", objectOf({ virtual }), describeCut([...virtual.places.values()]))
    ),
  ];
}

function describeChanged({ virtual, found }: Difference["changed"][number]): Change {
  const [was, is] = [virtualText(found), virtualText(virtual)];
  const detail = was === is ? "written anew: it was not as lb wrote it" : `${was} → ${is}`;
  return change("change", objectOf({ virtual }), detail);
}

function describePlace(before: Place, after: Place): string {
  const [was, is] = [placeText(before), placeText(after)];
  if (was === is) return "counted from now on, for the state database has no record of it";
  const [from, to] = [weightOf(before), weightOf(after)];
  const onlyWeight = placeText({ destination: { ...before.destination, weight: to } }) === is;
  return onlyWeight ? `weight ${from} → ${to}` : `${was} → ${is}`;
}

function describeRemoved(row: PlaceOf): Change[] {
  if (isForgotten(row)) return [change("remove", objectOf(row), "its flows are forgotten")];
  if (isUnused(row)) return [change("remove", objectOf(row), "")];
  const weight = weightOf(row.place);
  if (weight === 0) return [];
  const count = connectionsOf(row.place.counted);
  const last = count === 1 ? "its last connection" : `the last of its ${count} connections`;
  const left = `the run after ${last} deletes it`;
  return [change("change", objectOf(row), `weight ${weight} → 0: ${left}`)];
}

function virtualText({ scheduler, timeout_s, mask }: Virtual): string {
  return timeout_s > 0 ? `${scheduler}, persistent ${timeout_s} s by /${mask}` : scheduler;
}

function placeText({ destination }: Place): string {
  const { forwarding = "unknown", weight, upper_threshold } = destination;
  const limit = upper_threshold > 0 ? `, at most ${plural(upper_threshold, "connection")}` : "";
  return `weight ${weight}, ${forwarding}${limit}`;
}

function describeCut(places: readonly Place[]): string {
  const active = places.reduce((sum, { counted }) => sum + (counted?.active_connections ?? 0), 0);
  return active > 0 ? `cuts ${plural(active, "established connection")}` : "";
}

function objectOf(
  { virtual, name }: { readonly virtual: Virtual; readonly name?: string },
): string {
  const key = serviceKeyText(virtual.key);
  return name === undefined ? virtualObject(key) : placeObject(key, name);
}

function change(op: Change["op"], object: string, detail: string): Change {
  return { engine: "ipvs", op, object, detail };
}

function partition<T>(all: readonly T[], test: (one: T) => boolean): [T[], T[]] {
  return [all.filter(test), all.filter((one) => !test(one))];
}
