import { type Address, type Family, formatEndpoint, parseAddress, type Prefix } from "./address.ts";

/** Transport protocols a service can balance. */
export const PROTOCOLS = ["tcp", "udp", "sctp"] as const;
export type Protocol = typeof PROTOCOLS[number];

/** IANA protocol numbers, as packets have them. */
export const PROTOCOL_NUMBERS: Readonly<Record<Protocol, number>> = { tcp: 6, udp: 17, sctp: 132 };

/** The protocol with this number; undefined of one that lb does not balance. */
export function protocolOf(number: number): Protocol | undefined {
  return PROTOCOLS.find((name) => PROTOCOL_NUMBERS[name] === number);
}

/** The number of the protocol that is called so; undefined of any other word. */
export function protocolNumber(name: string): number | undefined {
  const known = PROTOCOLS.find((protocol) => protocol === name);
  return known && PROTOCOL_NUMBERS[known];
}

/** Data paths, in the order they are listed. */
export const ENGINE_NAMES = ["nft", "nfqueue", "ipvs", "relay"] as const;
export type EngineName = typeof ENGINE_NAMES[number];

/** How a backend is picked for a new connection. */
export const SCHEDULERS = [
  "rr",
  "wrr",
  "random",
  "sh",
  "maglev",
  "lc",
  "wlc",
  "sed",
  "nq",
  "lr",
  "cpu",
] as const;
export type Scheduler = typeof SCHEDULERS[number];

/** How a packet gets from the load balancer to the backend. */
export const FORWARDING_METHODS = ["nat", "dr", "tunnel"] as const;
export type Forwarding = typeof FORWARDING_METHODS[number];

/** What a client over a limit gets. */
export const OVER_LIMIT = ["refuse", "drop"] as const;
export type OverLimit = typeof OVER_LIMIT[number];

/** Kinds of health check. `none` counts as healthy. */
export const HEALTH_TYPES = [
  "tcp",
  "icmp",
  "http",
  "https",
  "udp",
  "dns",
  "snmp",
  "exec",
  "none",
] as const;
export type HealthType = typeof HEALTH_TYPES[number];

/** First and last port, both included; equal for one port. */
export interface PortRange {
  readonly first: number;
  readonly last: number;
}

/** First and last status code, both included. */
export interface StatusRange {
  readonly first: number;
  readonly last: number;
}

/** Same client, same backend, for a while. Masks are prefix lengths in bits. */
export interface Persistence {
  readonly timeout_ms: number;
  readonly mask: number;
  readonly mask6: number;
}

/** Where and how a backend's load or health is read by SNMP. Secrets stay in their files. */
export interface Snmp {
  readonly version: "2c" | "3";
  readonly oid?: string;
  readonly port?: number;
  readonly community_file?: string;
  readonly user?: string;
  readonly auth?: "md5" | "sha" | "sha256" | "sha512";
  readonly auth_file?: string;
  readonly privacy?: "des" | "aes";
  readonly privacy_file?: string;
}

/** One health check, every default filled in. */
export interface Health {
  readonly type: HealthType;
  readonly port?: number;
  readonly path: string;
  readonly host?: string;
  readonly status: readonly StatusRange[];
  readonly body?: string;
  readonly verify: boolean;
  readonly query?: string;
  readonly answer?: string;
  readonly command?: readonly string[];
  /** Address or interface to check from. */
  readonly source?: string;
  readonly passive: boolean;
  readonly panic: number;
  readonly interval_ms: number;
  readonly timeout_ms: number;
  readonly rise: number;
  readonly fall: number;
  readonly snmp?: Snmp;
}

/** One real server of a service, as configured. */
export interface Backend {
  readonly address: Address;
  /** Where it listens; undefined keeps the port the client asked for. */
  readonly port?: number;
  /** 0–65535; 0 gets no new connections. */
  readonly weight: number;
  readonly backup: boolean;
  /** 0 is no limit. */
  readonly max_connections: number;
  /** Overrides the service's check; undefined where none was written. */
  readonly health?: Partial<Health>;
}

/** VIP + protocol + ports + scheduler, as configured. */
export interface Service {
  readonly name: string;
  readonly vip: readonly Prefix[];
  readonly protocol: Protocol;
  readonly ports: readonly PortRange[] | "all";
  /** `auto`, `none`, or the interface the VIP is placed on. */
  readonly vip_on: string;
  readonly engine: EngineName | "auto";
  readonly scheduler: Scheduler;
  readonly persistence?: Persistence;
  readonly forward: Forwarding;
  readonly masquerade: boolean;
  /** fwmark bits set on balanced packets, beside lb's own. */
  readonly mark: number;
  /** 0–63; undefined leaves the field alone. */
  readonly dscp?: number;
  /** Traffic control class, `MAJOR:MINOR` in hexadecimal; undefined leaves it alone. */
  readonly priority?: string;
  readonly allow: readonly Prefix[];
  readonly deny: readonly Prefix[];
  readonly max_connections: number;
  readonly max_new_per_second: number;
  readonly over_limit: OverLimit;
  /** Undefined where the config says nothing of health. */
  readonly health?: Health;
  /** Undefined where the config says nothing of draining. */
  readonly drain?: { readonly deadline_ms: number };
  readonly balance: { readonly slow_start_ms: number; readonly bound: number };
  readonly snmp?: Snmp;
  /** Where backends' own programs tell how busy they are; undefined where none does. */
  readonly agent_port?: number;
  readonly backends: readonly Backend[];
}

/** The families a service has VIPs in. */
export function familiesOf(service: Pick<Service, "vip">): Family[] {
  return ([4, 6] as const).filter((family) => service.vip.some((vip) => vip.family === family));
}

const ALL_PORTS: readonly PortRange[] = [{ first: 0, last: 65_535 }];

/** The ports of a service as ranges, in the order of the config; `all` is one range. */
export function portRanges({ ports }: Pick<Service, "ports">): readonly PortRange[] {
  return ports === "all" ? ALL_PORTS : ports;
}

/** `80`, `8000-8010` or `all`, the way config and status spell ports. */
export function formatPorts(ports: Service["ports"]): string[] {
  if (ports === "all") return ["all"];
  return ports.map(({ first, last }) => first === last ? `${first}` : `${first}-${last}`);
}

/** Names a backend inside its service, whatever its place in the file: `ADDRESS|PORT`, port empty if kept. */
export function backendKey(backend: Pick<Backend, "address" | "port">): string {
  return `${backend.address.text}|${backend.port ?? ""}`;
}

/** The address in a {@linkcode backendKey}. */
export function addressOfKey(key: string): string {
  return key.split("|", 1)[0]!;
}

/** One text for a backend of a service, in maps: neither of the names has a line break. @param key its `backendKey` */
export function fullName(service: string, key: string): string {
  return `${service}\n${key}`;
}

/** `198.51.100.11:8080`, as people write what is a `backendKey`. */
export function nameOfKey(key: string): string {
  const text = addressOfKey(key);
  const address = parseAddress(text);
  const port = Number(key.slice(text.length + 1)) || undefined;
  return address ? formatEndpoint(address, port) : key;
}
