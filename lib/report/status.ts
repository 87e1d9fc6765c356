import { formatPrefix } from "../model/address.ts";
import { totalsOf } from "../model/sample.ts";
import { formatPorts } from "../model/service.ts";
import type { Trial } from "../model/trial.ts";
import { shortages } from "../reconcile/headroom.ts";
import type { WorkerReport } from "../reconcile/queue.ts";
import type { DrainStatus, ServiceStatus, Status } from "../reconcile/status.ts";

/** `lb status --json` (docs/cli.md). */
export function statusJson(status: Status): Record<string, unknown> {
  return {
    version: status.version,
    revision: status.revision,
    applied_at: status.applied_at_ms === null ? null : isoTime(status.applied_at_ms),
    trial: status.trial ? trialJson(status.trial) : null,
    last_pass_at: status.last_pass_at_ms === null ? null : isoTime(status.last_pass_at_ms),
    drift: status.drift_last_pass,
    skipped_passes: status.skipped_passes,
    drifted: status.drifted,
    blocked: status.blocked,
    config_edited: status.config_edited,
    notes: status.notes,
    conntrack: status.conntrack ?? null,
    shortages: shortages(status),
    ...(status.worker && { worker: workerJson(status.worker) }),
    services: status.services.map(serviceJson),
  };
}

function trialJson({ back_to, until_ms }: Trial) {
  return { back_to, until: isoTime(until_ms) };
}

function workerJson({ state, pid, status }: WorkerReport) {
  return {
    state,
    pid: pid ?? null,
    worker_pid: status?.worker_pid ?? null,
    since: status ? isoTime(status.since_ms) : null,
    restarts: status?.restarts ?? null,
    seen: status?.seen ?? null,
    left_to_kernel: status?.left_to_kernel ?? null,
    released: status?.released ?? null,
    events_lost: status?.events_lost ?? null,
    uncounted: status?.uncounted ?? null,
    queues: status?.queues ?? [],
  };
}

function serviceJson(
  { service, engine, reason, backends, fallbacks, panic_since_ms, rates }: ServiceStatus,
) {
  return {
    name: service.name,
    engine,
    reason,
    protocol: service.protocol,
    vip: service.vip.map(formatPrefix),
    ports: formatPorts(service.ports),
    scheduler: service.scheduler,
    forward: service.forward,
    ...totalsOf(backends),
    rates: rates ?? null,
    ...(fallbacks !== null && { kernel_choices: fallbacks }),
    panic_since: panic_since_ms === undefined ? null : isoTime(panic_since_ms),
    backends: backends.map(({ backend, changed_at_ms, chosen, drain, ...rest }) => ({
      address: backend.address.text,
      port: backend.port ?? null,
      weight: backend.weight,
      backup: backend.backup,
      ...rest,
      drain: drain && drainJson(drain),
      ...(chosen !== null && { chosen }),
      changed_at: changed_at_ms === null ? null : isoTime(changed_at_ms),
    })),
  };
}

function drainJson({ deadline_ms, ...rest }: DrainStatus) {
  return { ...rest, deadline: deadline_ms === null ? null : isoTime(deadline_ms) };
}

function isoTime(at_ms: number): string {
  return new Date(at_ms).toISOString();
}
