import { plural } from "../../model/plural.ts";
import type { Scheduler } from "../../model/service.ts";
import type { DesiredState, PlacedService } from "../../model/state.ts";
import { destinationKeyText } from "../../netlink/ipvs/destination.ts";
import type { Kernel } from "../../sys/ports.ts";
import type { Committed } from "../engine.ts";
import {
  type Ask,
  isFor,
  type Share,
  sharesOf,
  type Step,
  type Surroundings,
  type Way,
} from "../why.ts";
import { serviceMarks } from "./by_mark.ts";
import { desiredSnapshot } from "./desired.ts";
import { listAll, readSnapshot } from "./listing.ts";
import { connectionsOf, type Place, type Virtual } from "./snapshot.ts";
import { virtualKey } from "./virtual_key.ts";

/** Schedulers that give each backend the same, whatever its weight. */
const EVEN: readonly string[] = ["rr", "lc"];

/**
 * The ways of new connections through IPVS. It shows its services and backends, and nobody how it hashes.
 *
 * @throws {KernelError} where the kernel cannot be asked
 */
export function explain(
  { sockets }: Kernel,
  committed: Committed,
  asks: readonly Ask[],
  { drift }: Surroundings,
): Way[] {
  const { state } = committed;
  const recorded = desiredSnapshot(state);
  const listed = listAll(sockets, (key) => recorded.virtuals.has(key));
  const have = readSnapshot(listed, committed, recorded);
  const marks = serviceMarks(state);
  return asks.map((ask) => {
    const service = serviceFor(state, ask);
    if (!service) return UNSERVED;
    const key = virtualKey(have, service, ask, marks);
    const doubts = drift.filter((object) => isAbout(object, key))
      .map((object) => `${object} was changed behind lb's back`);
    const virtual = key === undefined ? undefined : have.virtuals.get(key);
    return virtual ? wayOf(service, virtual, key!, doubts) : missing(service, doubts);
  });
}

const UNSERVED: Way = {
  fate: "unserved",
  steps: [{ step: "vip", message: "IPVS has no service for it" }],
  reason: "no service in force is for it",
  doubts: [],
};

/** One exact port inside another service's range is its own. */
function serviceFor({ services }: DesiredState, ask: Ask): PlacedService | undefined {
  const found = services.filter((service) => isFor(service, ask));
  const isExact = ({ ports }: PlacedService) =>
    ports !== "all" && ports.some(({ first, last }) => first === last && first === ask.vip_port);
  return found.find(isExact) ?? found[0];
}

/** Of other virtual services nothing is heard: they are named by their keys. */
function isAbout(object: string, key: string | undefined): boolean {
  const isVirtual = /^(?:service|backend) /.test(object);
  return !isVirtual || key !== undefined && object.endsWith(key);
}

function missing(service: PlacedService, doubts: readonly string[]): Way {
  const reason = `IPVS has no virtual service of ${service.name}`;
  const steps: Step[] = [{ step: "vip", message: reason }];
  return { fate: "unserved", service, steps, reason, doubts: [...doubts, reason] };
}

function wayOf(
  service: PlacedService,
  virtual: Virtual,
  key: string,
  doubts: readonly string[],
): Way {
  const steps: Step[] = [{
    step: "vip",
    message: `virtual service ${key} of IPVS: service ${service.name}`,
  }];
  const base = { service, steps, doubts };
  const places = [...virtual.places.values()].filter(hasRoom);
  const { persistence, scheduler } = service;
  const kept = persistence ? `by source, ${persistence.timeout_ms / 1000} s` : "none";
  steps.push({ step: "persistence", message: kept });
  const message = `${virtual.scheduler}: ${
    plural(places.length, "backend takes", "backends take")
  } new connections`;
  steps.push({ step: "slot", message });
  if (places.length === 0) {
    return { ...base, fate: "refused", reason: "no backend takes new connections" };
  }
  const shares = sharesFor(scheduler, places);
  const [only, ...others] = places;
  if (others.length > 0) {
    return { ...base, fate: "shared", shares, reason: reasonFor(scheduler, persistence) };
  }
  steps.push({ step: "backend", message: `to ${destinationKeyText(only!.destination.key)}` });
  steps.push({ step: "engine", message: "ipvs: its own table keeps the connection there" });
  return { ...base, fate: "backend", backend: only!.id };
}

function hasRoom({ destination: { weight, upper_threshold }, counted }: Place): boolean {
  return weight > 0 && (upper_threshold === 0 || connectionsOf(counted) < upper_threshold);
}

function sharesFor(scheduler: Scheduler, places: readonly Place[]): Share[] {
  const weights = new Map(
    places.flatMap(({ id, destination: { weight } }) => id === undefined ? [] : [[id, weight]]),
  );
  return sharesOf(weights.keys(), EVEN.includes(scheduler) ? undefined : (id) => weights.get(id)!);
}

function reasonFor(scheduler: Scheduler, persistence: PlacedService["persistence"]): string {
  const first = persistence ? "IPVS may remember the client, and tells nobody; otherwise " : "";
  switch (scheduler) {
    case "sh":
    case "maglev":
      return `${first}${scheduler}: IPVS hashes by a table of its own, which it shows nobody`;
    case "rr":
    case "wrr":
    case "lr":
    case "cpu":
      return `${first}${scheduler}: whose turn it is depends on the connections that come before`;
    default:
      return `${first}${scheduler}: it depends on the connections at that moment`;
  }
}
