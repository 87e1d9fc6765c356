import { fullLength, isSingle } from "../../model/address.ts";
import { familiesOf, type Forwarding } from "../../model/service.ts";
import type { DesiredState, PlacedBackend, PlacedService } from "../../model/state.ts";
import {
  type DestinationForwarding,
  SVC_F_PERSISTENT,
  TUNNEL_IPIP,
} from "../../netlink/ipvs/protocol.ts";
import { familyOfKey, type ServiceKey, serviceKeyText } from "../../netlink/ipvs/service.ts";
import { serviceMarks } from "./by_mark.ts";
import { desiredUnits } from "./rules/units.ts";
import { ipvsScheduler, kernelWeights } from "./schedulers.ts";
import { EMPTY_SNAPSHOT, type Place, placeEntry, type Snapshot, type Virtual } from "./snapshot.ts";

/** Stands for every port: the kernel takes it for persistent services, and of backends for the one asked for. */
export const ANY_PORT = 0;

const FORWARDING: Readonly<Record<Forwarding, DestinationForwarding>> = {
  nat: "nat",
  dr: "dr",
  tunnel: "tunnel",
};

/**
 * What IPVS should hold for these services: a virtual service for each VIP and port, or for each IP version
 * where it is known by a mark, with all backends of its family. Pure.
 */
export function desiredSnapshot(state: DesiredState): Snapshot {
  const virtuals = virtualsOf(state.services, serviceMarks(state));
  // They are written in one piece for all services.
  const units = desiredUnits(state);
  return { ...EMPTY_SNAPSHOT, present: virtuals.size > 0, virtuals, units };
}

/**
 * What two states should have in the kernel, but for the services that are the same object in both. Pure.
 *
 * @param token that `have` bears
 */
export function narrowed(
  want: DesiredState,
  have: DesiredState,
  token: string,
): { want: Snapshot; have: Snapshot } {
  const [wanted, had] = [new Set(want.services), new Set(have.services)];
  const [wantedMarks, hadMarks] = [serviceMarks(want), serviceMarks(have)];
  const isSame = (service: PlacedService) =>
    wanted.has(service) && had.has(service) &&
    wantedMarks.get(service.name) === hadMarks.get(service.name);
  const without = (state: DesiredState, marks: ReadonlyMap<string, number>) => ({
    ...EMPTY_SNAPSHOT,
    virtuals: virtualsOf(state.services.filter((one) => !isSame(one)), marks),
    present: state.services.length > 0,
    units: desiredUnits(state),
  });
  return { want: without(want, wantedMarks), have: { ...without(have, hadMarks), token } };
}

function virtualsOf(
  services: readonly PlacedService[],
  marks: ReadonlyMap<string, number>,
): Map<string, Virtual> {
  const all = services.flatMap((service) =>
    keysOf(service, marks.get(service.name)).map((key) => virtualOf(service, key))
  );
  return new Map(all.map((virtual) => [serviceKeyText(virtual.key), virtual]));
}

function keysOf(service: PlacedService, fwmark: number | undefined): ServiceKey[] {
  if (fwmark !== undefined) return familiesOf(service).map((family) => ({ family, fwmark }));
  const { protocol, vip } = service;
  return vip.filter(isSingle).flatMap(({ family, text }) =>
    portsOf(service).map((port) => ({ protocol, address: { family, text }, port }))
  );
}

function virtualOf(service: PlacedService, key: ServiceKey): Virtual {
  const { name, protocol, persistence } = service;
  const family = familyOfKey(key);
  const port = "fwmark" in key ? ANY_PORT : key.port;
  const scheduler = ipvsScheduler(service.scheduler);
  if (!scheduler) throw new TypeError(`supports() lets no ${service.scheduler} through`);
  const backends = service.backends.filter((one) => one.address.family === family);
  const weights = kernelWeights(service.scheduler, backends.map((one) => one.effective_weight));
  const entries = backends.map((backend, index) =>
    placeEntry(placeOf(service, backend, port, weights[index]!))
  );
  // Whose drain is over goes: what connections it still has were cut.
  const [out, places] = partition(entries, (_, index) => backends[index]!.isOut ?? false);
  const mask = family === 4 ? persistence?.mask : persistence?.mask6;
  return {
    key,
    scheduler: scheduler.name,
    flags: scheduler.flags | (persistence ? SVC_F_PERSISTENT : 0),
    timeout_s: persistence ? Math.ceil(persistence.timeout_ms / 1000) : 0,
    mask: mask ?? fullLength(family),
    service: name,
    protocol,
    tagged: true,
    places: new Map(places),
    ...out.length > 0 && { forgotten: new Set(out.map(([name]) => name)) },
  };
}

function partition<T>(
  all: readonly T[],
  test: (one: T, index: number) => boolean,
): [T[], T[]] {
  return [all.filter(test), all.filter((one, index) => !test(one, index))];
}

/**
 * Debian's linux 6.1.0-56 refuses more (EINVAL), where 6.1.176 takes it. Connections are counted in an int
 * (struct ip_vs_dest, activeconns and inactconns): this many never come.
 */
const THRESHOLD_MAX = 0x7fff_ffff;

function placeOf(
  { forward }: PlacedService,
  backend: PlacedBackend,
  port: number,
  weight: number,
): Place {
  const { id, address } = backend;
  const threshold = Math.min(backend.max_connections, THRESHOLD_MAX);
  return {
    id,
    destination: {
      key: { address, port: backend.port ?? port },
      forwarding: FORWARDING[forward],
      weight,
      upper_threshold: threshold,
      // Without it a full backend would wait until a quarter of its connections have gone.
      lower_threshold: threshold,
      tunnel_type: TUNNEL_IPIP,
    },
  };
}

function portsOf({ ports }: PlacedService): number[] {
  return ports === "all" ? [ANY_PORT] : ports.map(({ first }) => first);
}
