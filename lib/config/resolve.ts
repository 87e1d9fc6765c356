import { HEALTH_DEFAULTS } from "../model/health.ts";
import { DRAIN_DEADLINE_MS } from "../model/intent.ts";
import { DEFAULT_MARK_MASK, type MarkLayout, markLayout } from "../model/mark.ts";
import type { Backend, Health, Persistence, Service, Snmp } from "../model/service.ts";
import type { Config, Notify } from "../model/settings.ts";
import {
  EVENTS,
  type WrittenBackend,
  type WrittenFile,
  type WrittenHealth,
  type WrittenService,
  type WrittenSnmp,
} from "./schema.ts";

/** Fills in every default. Pure. */
export function resolve({ lb = {}, tier = {}, notify, service = [] }: WrittenFile): Config {
  return {
    engine: lb.engine ?? "auto",
    marks: lb.mark_mask ?? defaultMarks(),
    sysctl: lb.sysctl ?? "apply",
    nodes: tier.nodes ?? 1,
    notify: notify && resolveNotify(notify),
    services: service.map(resolveService),
  };
}

function defaultMarks(): MarkLayout {
  const layout = markLayout(DEFAULT_MARK_MASK);
  if (!layout) throw new RangeError("the default mark mask is not a mark mask");
  return layout;
}

function resolveNotify(notify: NonNullable<WrittenFile["notify"]>): Notify {
  return { ...notify, events: notify.events ?? [...EVENTS] };
}

function resolveService(written: WrittenService): Service {
  const { backend = [], persistence, dscp, drain, balance = {}, snmp } = written;
  return {
    name: written.name,
    vip: written.vip,
    protocol: written.protocol ?? "tcp",
    ports: written.ports,
    vip_on: written.vip_on ?? "auto",
    engine: written.engine ?? "auto",
    scheduler: written.scheduler ?? "wrr",
    persistence: persistence && resolvePersistence(persistence),
    forward: written.forward ?? "nat",
    masquerade: written.masquerade ?? false,
    mark: written.mark ?? 0,
    dscp: dscp?.value,
    priority: written.priority,
    allow: written.allow ?? [],
    deny: written.deny ?? [],
    max_connections: written.max_connections ?? 0,
    max_new_per_second: written.max_new_per_second ?? 0,
    over_limit: written.over_limit ?? "refuse",
    health: healthOf(written),
    drain: drain && { deadline_ms: drain.deadline ?? DRAIN_DEADLINE_MS },
    balance: { slow_start_ms: balance.slow_start ?? 0, bound: balance.bound ?? 0 },
    snmp: snmp && resolveSnmp(snmp),
    agent_port: written.agent_port,
    backends: backend.map(resolveBackend),
  };
}

/** What is not said is checked as well, where a tcp connection can tell: a dead backend must not stay unseen. */
function healthOf({ health, protocol = "tcp", ports, backend = [] }: WrittenService) {
  const hasPorts = ports !== "all" || backend.every(({ port }) => port !== undefined);
  if (!health && (protocol !== "tcp" || !hasPorts)) return undefined;
  const resolved = { ...HEALTH_DEFAULTS, ...health && resolveHealth(health) };
  if (health?.timeout !== undefined) return resolved;
  // Who does not answer is to be asked at each interval all the same.
  return { ...resolved, timeout_ms: Math.min(resolved.timeout_ms, resolved.interval_ms) };
}

function resolveBackend(written: WrittenBackend): Backend {
  return {
    address: written.address,
    port: written.port,
    weight: written.weight ?? 100,
    backup: written.backup ?? false,
    max_connections: written.max_connections ?? 0,
    health: written.health && resolveHealth(written.health),
  };
}

function resolvePersistence(
  { timeout, mask = 32, mask6 = 128 }: NonNullable<WrittenService["persistence"]>,
): Persistence {
  return { timeout_ms: timeout, mask, mask6 };
}

/** Only what was written: an override must not carry defaults that would hide the service's values. */
function resolveHealth({ interval, timeout, snmp, ...same }: WrittenHealth): Partial<Health> {
  return {
    ...same,
    ...interval !== undefined && { interval_ms: interval },
    ...timeout !== undefined && { timeout_ms: timeout },
    ...snmp && { snmp: resolveSnmp(snmp) },
  };
}

function resolveSnmp(written: WrittenSnmp): Snmp {
  return { ...written, version: written.version ?? "2c" };
}
