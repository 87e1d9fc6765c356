/** Test equipment: services as the configuration would give them, with what a test does not name filled in. */
import { parseAddress, parsePrefix } from "../../lib/model/address.ts";
import { DEFAULT_MARK_MASK, markLayout } from "../../lib/model/mark.ts";
import type { Scheduler } from "../../lib/model/service.ts";
import type { DesiredState, PlacedBackend, PlacedService } from "../../lib/model/state.ts";

/** What a test says of a backend. `weight` is the effective one. */
export interface BackendSpec {
  readonly id: number;
  readonly address: string;
  readonly port?: number;
  readonly weight?: number;
}

/** What a test says of a service. */
export interface ServiceSpec {
  readonly name?: string;
  readonly vip?: readonly string[];
  readonly protocol?: "tcp" | "udp";
  readonly ports?: readonly number[];
  readonly scheduler?: Scheduler;
  readonly masquerade?: boolean;
  readonly backends?: readonly BackendSpec[];
}

/** A backend of weight 100, unless said otherwise. */
export function backendOf({ id, address, port, weight = 100 }: BackendSpec): PlacedBackend {
  const parsed = parseAddress(address);
  if (!parsed) throw new TypeError(`${address} is not an address`);
  const weights = { weight, effective_weight: weight };
  return { id, address: parsed, port, ...weights, backup: false, max_connections: 0 };
}

/** A tcp service `web` on 203.0.113.10:80 with wrr, unless said otherwise. */
export function serviceOf(spec: ServiceSpec = {}): PlacedService {
  return {
    name: spec.name ?? "web",
    vip: (spec.vip ?? ["203.0.113.10"]).map((text) => {
      const prefix = parsePrefix(text);
      if (!prefix) throw new TypeError(`${text} is not a prefix`);
      return prefix;
    }),
    protocol: spec.protocol ?? "tcp",
    ports: (spec.ports ?? [80]).map((port) => ({ first: port, last: port })),
    scheduler: spec.scheduler ?? "wrr",
    masquerade: spec.masquerade ?? false,
    backends: (spec.backends ?? []).map(backendOf),
    ...UNUSED,
  };
}

/** A desired state with the default mark mask, unless said otherwise. */
export function stateOf(
  services: readonly ServiceSpec[],
  mask: number = DEFAULT_MARK_MASK,
): DesiredState {
  const marks = markLayout(mask);
  if (!marks) throw new TypeError(`${mask} is not a mask`);
  return { services: services.map(serviceOf), marks };
}

const UNUSED = {
  vip_on: "none",
  engine: "auto",
  forward: "nat",
  mark: 0,
  allow: [],
  deny: [],
  max_connections: 0,
  max_new_per_second: 0,
  over_limit: "refuse",
  balance: { slow_start_ms: 0, bound: 0 },
} as const;
