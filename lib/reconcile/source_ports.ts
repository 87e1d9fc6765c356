import { formatEndpoint } from "../model/address.ts";
import type { ServiceStatus } from "./service_status.ts";

/** Ports that masquerading can give to connections with one backend (nf_nat_core.c: 1024 to 65535). */
export const SOURCE_PORTS = 64_512;

/** From here on a backend is called short of them, as the table of connections is of room. */
const SHORT_RATIO = 0.8;

/** What the connections of one backend take of the balancer's ports. */
export interface PortUse {
  readonly service: string;
  /** As people write it. */
  readonly backend: string;
  readonly used: number;
  readonly max: number;
}

/** Of each backend whose connections are masqueraded and counted, the most first. Pure. */
export function portUses(services: readonly ServiceStatus[]): PortUse[] {
  return services.filter(({ service }) => service.masquerade)
    .flatMap(({ service, backends }) =>
      backends.filter((one) => one.active_connections !== null)
        .map(({ backend: { address, port }, active_connections }) => ({
          service: service.name,
          backend: formatEndpoint(address, port),
          used: active_connections!,
          max: SOURCE_PORTS,
        }))
    )
    .sort((a, b) => b.used - a.used);
}

export function isShortOfPorts({ used, max }: PortUse): boolean {
  return used >= max * SHORT_RATIO;
}

/** What is wrong, and what to do. Pure. */
export function portTrouble({ service, backend, used, max }: PortUse): string {
  return `${service} ${backend} has ${used} connections, and masquerade has ${max} source ports for ` +
    "one backend: new connections are dropped when they are taken; more backends, or a second port " +
    "of this one, have ports of their own";
}
