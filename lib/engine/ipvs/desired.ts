import { type Address, fullLength, isSingle } from "../../model/address.ts";
import type { Forwarding } from "../../model/service.ts";
import type { DesiredState, PlacedBackend, PlacedService } from "../../model/state.ts";
import {
  type DestinationForwarding,
  SVC_F_PERSISTENT,
  TUNNEL_IPIP,
} from "../../netlink/ipvs/protocol.ts";
import { type ServiceKey, serviceKeyText } from "../../netlink/ipvs/service.ts";
import { desiredUnits } from "./companion/units.ts";
import { ipvsScheduler, kernelWeights } from "./schedulers.ts";
import { EMPTY_SNAPSHOT, type Place, placeEntry, type Snapshot, type Virtual } from "./snapshot.ts";

/** Stands for every port; the kernel takes it for persistent services only. */
const ANY_PORT = 0;

const FORWARDING: Readonly<Record<Forwarding, DestinationForwarding>> = {
  nat: "nat",
  dr: "dr",
  tunnel: "tunnel",
};

/**
 * What IPVS should hold for these services: a virtual service for each VIP and port, each with all backends
 * of its family. Pure.
 */
export function desiredSnapshot(state: DesiredState): Snapshot {
  const virtuals = new Map<string, Virtual>();
  for (const service of state.services) {
    for (const vip of service.vip.filter(isSingle)) {
      for (const port of portsOf(service)) {
        const virtual = virtualOf(service, { family: vip.family, text: vip.text }, port);
        virtuals.set(serviceKeyText(virtual.key), virtual);
      }
    }
  }
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
  const without = (state: DesiredState, others: ReadonlySet<PlacedService>) => ({
    ...desiredSnapshot({ ...state, services: state.services.filter((one) => !others.has(one)) }),
    present: state.services.length > 0,
    // They are written in one piece for all services.
    units: desiredUnits(state),
  });
  return { want: without(want, had), have: { ...without(have, wanted), token } };
}

function virtualOf(service: PlacedService, address: Address, port: number): Virtual {
  const { name, protocol, persistence } = service;
  const key: ServiceKey = { protocol, address, port };
  const scheduler = ipvsScheduler(service.scheduler);
  if (!scheduler) throw new TypeError(`supports() lets no ${service.scheduler} through`);
  const backends = service.backends.filter((one) => one.address.family === address.family);
  const weights = kernelWeights(service.scheduler, backends.map((one) => one.effective_weight));
  const places = backends.map((backend, index) =>
    placeEntry(placeOf(service, backend, port, weights[index]!))
  );
  const mask = address.family === 4 ? persistence?.mask : persistence?.mask6;
  return {
    key,
    scheduler: scheduler.name,
    flags: scheduler.flags | (persistence ? SVC_F_PERSISTENT : 0),
    timeout_s: persistence ? Math.ceil(persistence.timeout_ms / 1000) : 0,
    mask: mask ?? fullLength(address.family),
    service: name,
    tagged: true,
    places: new Map(places),
  };
}

function placeOf(
  { forward }: PlacedService,
  backend: PlacedBackend,
  port: number,
  weight: number,
): Place {
  const { id, address, max_connections } = backend;
  return {
    id,
    destination: {
      key: { address, port: backend.port ?? port },
      forwarding: FORWARDING[forward],
      weight,
      upper_threshold: max_connections,
      // Without it a full backend would wait until a quarter of its connections have gone.
      lower_threshold: max_connections,
      tunnel_type: TUNNEL_IPIP,
    },
  };
}

function portsOf({ ports }: PlacedService): number[] {
  return ports === "all" ? [ANY_PORT] : ports.map(({ first }) => first);
}
