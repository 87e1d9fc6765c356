import { HEALTH_DEFAULTS } from "../model/health.ts";
import type { LoadReading, LoadRow } from "../model/load.ts";
import { type Backend, backendKey, type Service } from "../model/service.ts";
import { smoothed } from "../scheduler/load.ts";
import type { CheckTarget } from "./check/check.ts";

/** A backend that is asked how busy it is. */
export interface AskedBackend {
  readonly service: Service;
  /** Its `backendKey`. */
  readonly key: string;
  readonly target: CheckTarget;
}

/** Of who cannot be read, what was known counts for so long, and for so many intervals at least. */
const STALE_MS = 180_000;
const STALE_INTERVALS = 3;

/** Backends whose own word of their load is asked for: those with a weight, of services that go by it. Pure. */
export function askedBackends(services: readonly Service[]): AskedBackend[] {
  return services.filter(({ scheduler }) => scheduler === "cpu").flatMap((service) =>
    service.backends.filter(({ weight }) => weight > 0).map((backend) => ({
      service,
      key: backendKey(backend),
      target: targetOf(service, backend),
    }))
  );
}

function targetOf(service: Service, backend: Backend): CheckTarget {
  const { name, agent_port, snmp } = service;
  // When, how long and from where is as for its checks, also where it has none; their port is theirs.
  const health = { ...HEALTH_DEFAULTS, ...service.health, ...backend.health, port: undefined };
  const load = agent_port === undefined ? { snmp } : { agent_port };
  return { service: name, address: backend.address, health, load };
}

/** How often a service's backends are looked at, as a rule. */
export function intervalOf({ health }: Pick<Service, "health">): number {
  return health?.interval_ms ?? HEALTH_DEFAULTS.interval_ms;
}

/** Whether what was read is of this measure, and not too long ago to go by. Pure. */
export function isFresh(
  service: Pick<Service, "scheduler" | "health">,
  { scheduler, read_at_ms }: LoadRow,
  now_ms: number,
): boolean {
  if (scheduler !== service.scheduler || read_at_ms === null) return false;
  const age_ms = now_ms - read_at_ms;
  return age_ms >= 0 && age_ms <= Math.max(STALE_MS, STALE_INTERVALS * intervalOf(service));
}

/** What is known of a backend's load after it was looked at. Pure. */
export function loadAfter(
  service: Pick<Service, "name" | "scheduler" | "health">,
  key: string,
  known: LoadRow | undefined,
  found: LoadReading | { readonly reason: string },
  now_ms: number,
): LoadRow {
  const { name, scheduler } = service;
  const row = { service: name, backend: key, scheduler, checked_at_ms: now_ms };
  const before = known && isFresh(service, known, now_ms) ? known : undefined;
  if (!("reason" in found)) {
    return { ...row, ...smoothed(before, found), read_at_ms: now_ms, reason: "" };
  }
  const { cost, noise, read_at_ms } = before ?? { cost: 0, noise: 0, read_at_ms: null };
  return { ...row, cost, noise, read_at_ms, reason: found.reason };
}
