/** Test equipment: what `lb status` may have found. */
import type { BackendStatus, ServiceStatus, Status } from "../../../lib/reconcile/status.ts";
import { type BackendSpec, serviceOf } from "../../fake/services.ts";

export const APPLIED = Date.UTC(2026, 10, 20, 9);
export const ADDED = Date.UTC(2026, 10, 1, 12, 30);
const BACKENDS: readonly BackendSpec[] = [
  { id: 1, address: "198.51.100.11", port: 8080, weight: 100 },
  { id: 2, address: "2001:db8:b::12", port: 8080, weight: 50 },
];

export const service = serviceOf({
  vip: ["203.0.113.10", "2001:db8:1::10"],
  ports: [80, 443],
  backends: BACKENDS,
});

export function backendStatus(index: number, more: Partial<BackendStatus> = {}): BackendStatus {
  const backend = service.backends[index]!;
  return {
    backend,
    effective_weight: backend.effective_weight,
    weight_reason: "",
    intent: "ready",
    drain: null,
    health: "healthy",
    health_reason: "",
    active_connections: 9,
    new_connections: 617,
    bytes_in: null,
    bytes_out: null,
    check_ms: null,
    changed_at_ms: ADDED,
    chosen: null,
    ...more,
  };
}

export function serviceStatus(backends: readonly BackendStatus[]): ServiceStatus {
  const reason = "in-kernel; wrr fits slot maps";
  return { service, engine: "nft", reason, backends, fallbacks: null };
}

export function statusOf(
  backends: readonly BackendStatus[] = [backendStatus(0), backendStatus(1)],
  more: Partial<Status> = {},
): Status {
  return {
    version: "0.1.0",
    revision: 7,
    applied_at_ms: APPLIED,
    drift_last_pass: 2,
    last_pass_at_ms: APPLIED + 60_000,
    skipped_passes: 0,
    drifted: [],
    blocked: [],
    config_edited: false,
    notes: [],
    services: [serviceStatus(backends)],
    ...more,
  };
}
