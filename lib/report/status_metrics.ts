import { formatEndpoint, formatPrefix } from "../model/address.ts";
import { formatPorts } from "../model/service.ts";
import type { WorkerQueue } from "../model/worker.ts";
import type { WorkerReport } from "../reconcile/queue.ts";
import type { BackendStatus, ServiceStatus, Status } from "../reconcile/status.ts";
import { type Family, type Labels, labelsText, metricsText, type Point } from "./metrics.ts";

/** What is told besides the status. */
export interface MetricsContext {
  /** How this lb was built. */
  readonly build: string;
  /** Whether `lb status` would end with exit code 1. */
  readonly needsAttention: boolean;
  /** When the status was looked at. Milliseconds since 1970. */
  readonly at_ms: number;
}

/** A family, and how its value is read off what it is about. null, undefined: not known. */
interface Metric<About> extends Family {
  readonly read: (about: About) => number | null | undefined;
  /** Beside the labels of what it is about. */
  readonly labels?: (about: About) => Labels;
}

const OVERALL: readonly Metric<Status & MetricsContext>[] = [
  {
    name: "lb_build_info",
    type: "gauge",
    help: "The lb that wrote this; always 1.",
    labels: ({ version, build }) => ({ version, build }),
    read: () => 1,
  },
  {
    name: "lb_last_look_timestamp_seconds",
    type: "gauge",
    help: "When all of this was looked at.",
    read: ({ at_ms }) => seconds(at_ms),
  },
  {
    name: "lb_needs_attention",
    type: "gauge",
    help:
      "1 where lb status ends with exit code 1: drift, something in the way, or somebody unwell.",
    read: ({ needsAttention }) => flag(needsAttention),
  },
  {
    name: "lb_revision",
    type: "gauge",
    help: "The revision that was applied last.",
    read: ({ revision }) => revision,
  },
  {
    name: "lb_applied_timestamp_seconds",
    type: "gauge",
    help: "When that was.",
    read: ({ applied_at_ms }) => seconds(applied_at_ms),
  },
  {
    name: "lb_config_edited",
    type: "gauge",
    help: "1 where the config file is not what was applied last.",
    read: ({ config_edited }) => flag(config_edited),
  },
  {
    name: "lb_last_pass_timestamp_seconds",
    type: "gauge",
    help: "When the kernel was held against the config last: the last lb reconcile, or apply.",
    read: ({ last_pass_at_ms }) => seconds(last_pass_at_ms),
  },
  {
    name: "lb_last_pass_repaired_objects",
    type: "gauge",
    help: "Objects that this pass had to repair.",
    read: ({ drift_last_pass }) => drift_last_pass,
  },
  {
    name: "lb_passes_skipped_total",
    type: "counter",
    help: "Passes left out, because the one before was still under way.",
    read: ({ skipped_passes }) => skipped_passes,
  },
  {
    name: "lb_drifted_objects",
    type: "gauge",
    help: "Objects that differ right now from what was applied.",
    read: ({ drifted }) => drifted.length,
  },
  {
    name: "lb_blocked",
    type: "gauge",
    help: "Things that are wanted and cannot be brought about.",
    read: ({ blocked }) => blocked.length,
  },
  {
    name: "lb_conntrack_entries",
    type: "gauge",
    help: "Connections in the kernel's table of connections, of this network namespace.",
    read: ({ conntrack }) => conntrack?.count,
  },
  {
    name: "lb_conntrack_entries_limit",
    type: "gauge",
    help: "How many it takes: more are dropped.",
    read: ({ conntrack }) => conntrack?.max,
  },
];

const WORKER: readonly Metric<WorkerReport>[] = [
  {
    name: "lb_queue_worker_up",
    type: "gauge",
    help: "1 where the queue worker chooses; 0 where the kernel does in its place.",
    read: ({ state, status }) => flag(state === "answers" && status?.worker_pid !== 0),
  },
  {
    name: "lb_queue_worker_start_time_seconds",
    type: "gauge",
    help: "When the process that holds its queues was started; its counters begin there.",
    read: ({ status }) => seconds(status?.since_ms),
  },
  {
    name: "lb_queue_worker_restarts_total",
    type: "counter",
    help: "How often the process that chooses had to be replaced, since that start.",
    read: ({ status }) => status?.restarts,
  },
  {
    name: "lb_queue_worker_packets_total",
    type: "counter",
    help: "First packets that it has looked at.",
    read: ({ status }) => status?.seen,
  },
  {
    name: "lb_queue_worker_passed_packets_total",
    type: "counter",
    help: "Of those, packets for which it left the choice to the kernel.",
    read: ({ status }) => status?.left_to_kernel,
  },
  {
    name: "lb_queue_worker_released_packets_total",
    type: "counter",
    help: "Packets that waited for a worker that was gone or hung, and were given to the kernel.",
    read: ({ status }) => status?.released,
  },
  {
    name: "lb_queue_worker_resyncs_total",
    type: "counter",
    help: "How often events of conntrack were lost, so that connections were counted anew.",
    read: ({ status }) => status?.events_lost,
  },
];

const QUEUE: readonly Metric<WorkerQueue>[] = [
  {
    name: "lb_queue_waiting_packets",
    type: "gauge",
    help: "First packets that wait for the worker's choice.",
    read: ({ waiting }) => waiting,
  },
  {
    name: "lb_queue_packets_total",
    type: "counter",
    help: "Packets queued since the queue was bound.",
    read: ({ packets }) => packets,
  },
  {
    name: "lb_queue_full_drops_total",
    type: "counter",
    help: "Packets lost because the queue was full.",
    read: ({ dropped_full }) => dropped_full,
  },
  {
    name: "lb_queue_socket_drops_total",
    type: "counter",
    help: "Packets lost because the worker's socket was full.",
    read: ({ dropped_user }) => dropped_user,
  },
];

const SERVICE: readonly Metric<ServiceStatus>[] = [
  {
    name: "lb_service_info",
    type: "gauge",
    help: "How a service is balanced; always 1.",
    labels: ({ service, engine }) => ({
      protocol: service.protocol,
      ports: formatPorts(service.ports).join(","),
      scheduler: service.scheduler,
      forward: service.forward,
      engine,
    }),
    read: () => 1,
  },
  {
    name: "lb_service_panic",
    type: "gauge",
    help:
      "1 where more of its backends fail than is believed, and connections go where they went before.",
    read: ({ panic_since_ms }) => flag(panic_since_ms !== undefined),
  },
  {
    name: "lb_service_kernel_choices_total",
    type: "counter",
    help: "Connections that the kernel chose for in the queue worker's place.",
    read: ({ fallbacks }) => fallbacks,
  },
];

const BACKEND: readonly Metric<BackendStatus>[] = [
  {
    name: "lb_backend_healthy",
    type: "gauge",
    help:
      "1 where checks say it is well, 0 where they say it is not; absent where it is not known.",
    read: ({ health }) => health === "unknown" ? null : flag(health === "healthy"),
  },
  {
    name: "lb_backend_health_changed_timestamp_seconds",
    type: "gauge",
    help: "Since when it is so.",
    read: ({ changed_at_ms }) => seconds(changed_at_ms),
  },
  {
    name: "lb_backend_check_duration_seconds",
    type: "gauge",
    help: "How long its last check took; absent where it is not checked.",
    read: ({ check_ms }) => seconds(check_ms),
  },
  {
    name: "lb_backend_weight",
    type: "gauge",
    help: "Its weight in the config.",
    read: ({ backend }) => backend.weight,
  },
  {
    name: "lb_backend_effective_weight",
    type: "gauge",
    help: "Its weight after health, intent and load; 0: it gets no new connections.",
    read: ({ effective_weight }) => effective_weight,
  },
  {
    name: "lb_backend_draining",
    type: "gauge",
    help: "1 where the operator has it drained, also when the drain is over.",
    read: ({ intent }) => flag(intent === "drain"),
  },
  {
    name: "lb_backend_maintenance",
    type: "gauge",
    help: "1 where the operator has it in maintenance.",
    read: ({ intent }) => flag(intent === "maintenance"),
  },
  {
    name: "lb_backend_drain_deadline_timestamp_seconds",
    type: "gauge",
    help: "When the rest of its connections is cut; absent where none is.",
    read: ({ drain }) => drain?.ended === null ? seconds(drain.deadline_ms) : null,
  },
  {
    name: "lb_backend_active_connections",
    type: "gauge",
    help: "Its connections now, as far as the kernel knows them.",
    read: ({ active_connections }) => active_connections,
  },
  {
    name: "lb_backend_new_connections_total",
    type: "counter",
    help: "Connections it was given since it was added; goes on over applies and reboots.",
    read: ({ new_connections }) => new_connections,
  },
  {
    name: "lb_backend_received_bytes_total",
    type: "counter",
    help: "From clients to it; absent where the engine does not count bytes.",
    read: ({ bytes_in }) => bytes_in,
  },
  {
    name: "lb_backend_sent_bytes_total",
    type: "counter",
    help: "From it to clients; absent where the engine does not count bytes.",
    read: ({ bytes_out }) => bytes_out,
  },
];

/** Every metric that there can be. */
export const METRICS: readonly Family[] = [...OVERALL, ...WORKER, ...QUEUE, ...SERVICE, ...BACKEND];

/** `lb status --prometheus` (docs/monitoring.md). */
export function statusMetrics(status: Status, context: MetricsContext): string {
  const { worker, services } = status;
  const labelled = services.map((one) => ({ one, labels: serviceLabels(one) }));
  const backends = labelled.flatMap(({ one, labels }) =>
    one.backends.map((each) => {
      const { address, port } = each.backend;
      return { one: each, labels: { ...labels, backend: formatEndpoint(address, port) } };
    })
  );
  const queues = (worker?.status?.queues ?? []).map((one) => ({
    one,
    labels: { queue: `${one.queue}` },
  }));
  return metricsText([
    ...pointsOf(OVERALL, [{ one: { ...status, ...context }, labels: {} }]),
    ...pointsOf(WORKER, worker ? [{ one: worker, labels: {} }] : []),
    ...pointsOf(QUEUE, queues),
    ...pointsOf(SERVICE, labelled),
    ...pointsOf(BACKEND, backends),
  ]);
}

/** A service with several VIPs counts for all of them together. */
function serviceLabels({ service }: ServiceStatus): Labels {
  return { service: service.name, vip: service.vip.map(formatPrefix).join(",") };
}

function pointsOf<About>(
  metrics: readonly Metric<About>[],
  all: readonly { readonly one: About; readonly labels: Labels }[],
): (readonly [Family, readonly Point[]])[] {
  const subjects = all.map(({ one, labels }) => ({ one, labels, text: labelsText(labels) }));
  return metrics.map((metric) => [
    metric,
    subjects.map(({ one, labels, text }): Point => [
      metric.labels ? labelsText({ ...labels, ...metric.labels(one) }) : text,
      metric.read(one) ?? null,
    ]),
  ]);
}

function flag(is: boolean): number {
  return is ? 1 : 0;
}

function seconds(time_ms: number | null | undefined): number | null {
  return time_ms === null || time_ms === undefined ? null : time_ms / 1000;
}
