import { type Ask, isFor } from "../../engine/why.ts";
import type { Address, Family } from "../../model/address.ts";
import { portRanges, type Protocol, protocolOf, PROTOCOLS } from "../../model/service.ts";
import type { PlacedService } from "../../model/state.ts";
import type { FlowRequest } from "../why.ts";
import type { Connection } from "./connections.ts";

/**
 * What may be meant by a question: the VIP and port that it names, else one of each service. Where the client has
 * a connection to a service, that is the one. Pure.
 */
export function asksOf(
  { protocol, client, to, service }: FlowRequest,
  services: readonly PlacedService[],
  connections: readonly Connection[],
): Ask[] {
  const base = { client: client.address, client_port: client.port };
  if (to) {
    const target = { vip: to.address, vip_port: to.port };
    return protocolsFor(target, protocol, services).map((one) => ({
      ...base,
      ...target,
      protocol: one,
    }));
  }
  const { family } = client.address;
  const meant = services.filter((one) =>
    (service === undefined || one.name === service) &&
    (protocol === undefined || one.protocol === protocol)
  );
  return meant.flatMap((one) => {
    const known = connections.filter((connection) =>
      isFrom(connection, base) && isOf(connection, one)
    );
    const doors = known.length > 0 ? known.map(doorOf) : firstDoor(one, family);
    return doors.map((door) => ({ ...base, ...door, protocol: one.protocol }));
  });
}

type Door = Pick<Ask, "vip" | "vip_port">;

/** Where nobody says which: those that a service has there; tcp where none has. */
function protocolsFor(
  door: Door,
  protocol: Protocol | undefined,
  services: readonly PlacedService[],
): readonly Protocol[] {
  if (protocol) return [protocol];
  const served = PROTOCOLS.filter((name) =>
    services.some((service) => service.protocol === name && isAt(service, door))
  );
  return served.length > 0 ? served : ["tcp"];
}

function isAt(service: PlacedService, door: Door): boolean {
  return isFor(service, { ...door, protocol: service.protocol });
}

/** Of a service with several, choices by source are the same at all of them. */
function firstDoor(service: PlacedService, family: Family): Door[] {
  const vip = service.vip.find((one) => one.family === family);
  const port = portRanges(service)[0]?.first;
  if (!vip || port === undefined) return [];
  // All ports begin with one that nobody can ask for.
  return [{ vip: { family, text: vip.text }, vip_port: Math.max(1, port) }];
}

function isFrom(
  { client, client_port }: Connection,
  asked: { readonly client: Address; readonly client_port?: number },
): boolean {
  return client.text === asked.client.text && client_port === asked.client_port;
}

function isOf(connection: Connection, service: PlacedService): boolean {
  return protocolOf(connection.protocol) === service.protocol && isAt(service, connection);
}

function doorOf({ vip, vip_port }: Connection): Door {
  return { vip, vip_port };
}
