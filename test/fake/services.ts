/** Test equipment: services as the configuration would give them, with what a test does not name filled in. */
import { parseAddress, parsePrefix, type Prefix } from "../../lib/model/address.ts";
import { DEFAULT_MARK_MASK, markLayout } from "../../lib/model/mark.ts";
import type {
  Forwarding,
  OverLimit,
  Persistence,
  Protocol,
  Scheduler,
} from "../../lib/model/service.ts";
import type { DesiredState, Ingress, PlacedBackend, PlacedService } from "../../lib/model/state.ts";

/** What a test says of a backend. `weight` is the effective one. */
export interface BackendSpec {
  readonly id: number;
  readonly address: string;
  readonly port?: number;
  readonly weight?: number;
  readonly max_connections?: number;
  /** Index of the interface that leads to it, where it is sent packets by its link address. */
  readonly ifindex?: number;
  /** Its drain is over. */
  readonly isOut?: boolean;
}

/** What a test says of a service. */
export interface ServiceSpec {
  readonly name?: string;
  /** Addresses and prefixes. */
  readonly vip?: readonly string[];
  readonly protocol?: Protocol;
  /** A port, or a range in the spelling of the config. */
  readonly ports?: readonly (number | string)[] | "all";
  readonly scheduler?: Scheduler;
  readonly persistence?: Persistence;
  readonly forward?: Forwarding;
  readonly masquerade?: boolean;
  readonly mark?: number;
  readonly dscp?: number;
  readonly priority?: string;
  readonly allow?: readonly string[];
  readonly deny?: readonly string[];
  readonly max_connections?: number;
  readonly max_new_per_second?: number;
  readonly over_limit?: OverLimit;
  readonly backends?: readonly BackendSpec[];
}

/** A backend of weight 100, unless said otherwise. */
export function backendOf(spec: BackendSpec): PlacedBackend {
  const { id, address, port, weight = 100, max_connections = 0, ifindex, isOut } = spec;
  const parsed = parseAddress(address);
  if (!parsed) throw new TypeError(`${address} is not an address`);
  const weights = { weight, effective_weight: weight };
  const link = ifindex === undefined
    ? {}
    : { link: { ifindex, interface: `eth${ifindex}`, answers: true } };
  const some = { ...link, ...isOut && { isOut } };
  return { id, address: parsed, port, ...weights, backup: false, max_connections, ...some };
}

/** A tcp service `web` on 203.0.113.10:80 with wrr, unless said otherwise. */
export function serviceOf(spec: ServiceSpec = {}): PlacedService {
  const { allow = [], deny = [], ports = [80], backends = [], ...given } = spec;
  return {
    ...PLAIN,
    ...given,
    vip: (spec.vip ?? ["203.0.113.10"]).map(prefixOf),
    ports: ports === "all" ? "all" : ports.map(rangeOf),
    allow: allow.map(prefixOf),
    deny: deny.map(prefixOf),
    backends: backends.map(backendOf),
  };
}

/** A desired state with the default mark mask on a kernel that lacks nothing, unless said otherwise. */
export function stateOf(
  services: readonly ServiceSpec[],
  mask: number = DEFAULT_MARK_MASK,
  lacks: readonly string[] = [],
  ingress: Ingress = { interfaces: [], routed: [] },
): DesiredState {
  const marks = markLayout(mask);
  if (!marks) throw new TypeError(`${mask} is not a mask`);
  return { services: services.map(serviceOf), marks, ingress, lacks };
}

/** Where packets come in: interfaces by their names, and VIPs that a router sends. */
export function ingressAt(names: readonly string[], routed: readonly string[] = []): Ingress {
  const interfaces = names.map((name, index) => ({ name, ifindex: 2 + index }));
  return { interfaces, routed: routed.map(prefixOf) };
}

function prefixOf(text: string): Prefix {
  const prefix = parsePrefix(text);
  if (!prefix) throw new TypeError(`${text} is not a prefix`);
  return prefix;
}

function rangeOf(ports: number | string) {
  const [first = 0, last = first] = `${ports}`.split("-").map(Number);
  return { first, last };
}

const PLAIN = {
  name: "web",
  protocol: "tcp",
  scheduler: "wrr",
  vip_on: "none",
  engine: "auto",
  forward: "nat",
  masquerade: false,
  mark: 0,
  max_connections: 0,
  max_new_per_second: 0,
  over_limit: "refuse",
  balance: { slow_start_ms: 0, bound: 0 },
} as const;
