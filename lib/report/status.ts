import { formatEndpoint, formatPrefix } from "../model/address.ts";
import { familiesOf, formatPorts } from "../model/service.ts";
import type { BackendStatus, DrainStatus, ServiceStatus, Status } from "../reconcile/status.ts";
import { type WorkerReport, workerTrouble } from "../reconcile/queue.ts";
import { columns, type Paint } from "./table.ts";

/** `lb status --json` (docs/cli.md). */
export function statusJson(status: Status): Record<string, unknown> {
  return {
    version: status.version,
    revision: status.revision,
    applied_at: status.applied_at_ms === null ? null : isoTime(status.applied_at_ms),
    drift: status.drift_last_pass,
    skipped_passes: status.skipped_passes,
    drifted: status.drifted,
    blocked: status.blocked,
    config_edited: status.config_edited,
    notes: status.notes,
    ...(status.worker && { worker: workerJson(status.worker) }),
    services: status.services.map(serviceJson),
  };
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
  { service, engine, reason, backends, fallbacks, panic_since_ms }: ServiceStatus,
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
    new_connections: sum(backends.map((each) => each.new_connections)),
    active_connections: sum(backends.map((each) => each.active_connections)),
    bytes_in: sum(backends.map((each) => each.bytes_in)),
    bytes_out: sum(backends.map((each) => each.bytes_out)),
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

/** The table that fits any terminal. */
export function statusText(status: Status, paint: Paint): string {
  const blocked = status.blocked.map((line) => paint(`! ${line}`, "yellow"));
  if (status.revision === null) {
    return blocked.join("\n") ||
      'Nothing was applied yet: write the config ("lb init" makes a sample), then "lb apply".';
  }
  const head = `revision ${status.revision}, applied ${isoTime(status.applied_at_ms!)}`;
  const edited = status.config_edited ? [paint(`! ${editedText(status)}`, "yellow")] : [];
  const drifted = status.drifted.map((object) =>
    paint(`! ${object} is not as it was applied; "lb reconcile" puts it right`, "yellow")
  );
  const notes = status.notes.map((note) => `· ${note}`);
  if (status.services.length === 0) {
    return [head, ...edited, ...drifted, ...blocked, ...notes, "No service is applied."].join("\n");
  }
  return [
    head,
    ...edited,
    ...drifted,
    ...blocked,
    ...notes,
    ...(status.worker ? [workerText(status.worker, paint)] : []),
    ...status.services.map((one) => serviceText(one, paint)),
  ]
    .join("\n");
}

function editedText({ config_trouble, revision }: Status): string {
  if (config_trouble === undefined) {
    return 'the config file has edits that are not applied; "lb apply --plan" shows them';
  }
  return `${config_trouble}; "lb history ${revision}" prints what is applied`;
}

function workerText(report: WorkerReport, paint: Paint): string {
  const { pid, status } = report;
  const trouble = workerTrouble(report);
  if (trouble || !status) return paint(`! ${trouble}`, "yellow");
  const total = (key: "waiting" | "dropped_full" | "dropped_user") =>
    status.queues.reduce((sum, queue) => sum + queue[key], 0);
  const parts = [
    `${status.seen} first packets seen`,
    `${total("waiting")} waiting`,
    `${total("dropped_full") + total("dropped_user")} dropped`,
    `${status.restarts} ${status.restarts === 1 ? "restart" : "restarts"}`,
    ...(status.released > 0 ? [`${status.released} given to the kernel`] : []),
  ];
  return `queue worker ${pid} since ${isoTime(status.since_ms)}: ${parts.join(", ")}`;
}

function serviceText(
  { service, engine, backends, fallbacks, panic_since_ms }: ServiceStatus,
  paint: Paint,
): string {
  const where = service.vip.map(formatPrefix).join(" ");
  const ports = formatPorts(service.ports).join(",");
  const title = paint(service.name, "bold") +
    `  ${service.protocol} ${where} port ${ports}  ${service.scheduler}  ${engine}` +
    (fallbacks ? `  (${fallbacks} chosen by the kernel itself)` : "");
  if (backends.length === 0) return `\n${title}\n  no backends: connections are refused`;
  const head = ["  backend", "weight", "health", "new", "active"].map((cell) => paint(cell, "dim"));
  const rows = backends.map((each) => [
    `  ${formatEndpoint(each.backend.address, each.backend.port)}`,
    weightText(each),
    healthText(each, paint),
    shown(each.new_connections),
    shown(each.active_connections),
  ]);
  const refused = familiesOf(service)
    .filter((family) =>
      !backends.some(({ backend, effective_weight }) =>
        backend.address.family === family && effective_weight > 0
      )
    )
    .map((family) =>
      paint(`\n  ! no IPv${family} backend takes connections: they are refused`, "yellow")
    );
  const panic = panic_since_ms === undefined ? "" : paint(
    `\n  ! panic since ${isoTime(panic_since_ms)}: more backends fail than is believed, ` +
      "connections go where they went before",
    "yellow",
  );
  return `\n${title}\n${columns([head, ...rows])}${panic}${refused.join("")}`;
}

/** `healthy 0.8 ms`, `unhealthy (connection refused) since …`. */
function healthText(
  { health, health_reason, check_ms, changed_at_ms }: BackendStatus,
  paint: Paint,
): string {
  const reason = health_reason ? ` (${health_reason})` : "";
  if (health === "healthy") {
    return check_ms === null || reason ? health + reason : `${health} ${milliseconds(check_ms)}`;
  }
  const isTimed = check_ms !== null && changed_at_ms !== null;
  const since = isTimed ? ` since ${isoTime(changed_at_ms)}` : "";
  return paint(`${health}${reason}${since}`, "yellow");
}

/** Two digits tell enough. */
function milliseconds(time_ms: number): string {
  return `${time_ms < 10 ? time_ms.toFixed(1) : Math.round(time_ms)} ms`;
}

/** `100`, `25 of 100 (why)`, `100 (backup)`. */
function weightText(each: BackendStatus): string {
  const { backend, effective_weight, weight_reason } = each;
  const weights = effective_weight === backend.weight
    ? `${backend.weight}`
    : `${effective_weight} of ${backend.weight}`;
  const remark = intentText(each) || weight_reason || (backend.backup ? "backup" : "");
  return remark === "" ? weights : `${weights} (${remark})`;
}

/** `drain: 17 connections, 42 s left`, `drained`, `maintenance`; "" where it simply serves. */
function intentText({ intent, drain }: BackendStatus): string {
  if (intent === "ready") return "";
  if (!drain) return intent;
  const then = drain.removes ? ", then removed" : "";
  if (drain.ended !== null) {
    return `${drain.ended === "cut" ? "drain: rest cut" : "drained"}${then}`;
  }
  const parts = [
    ...drain.connections_left === null ? [] : [`${drain.connections_left} left`],
    ...drain.seconds_left === null ? [] : [`${drain.seconds_left} s`],
  ];
  return `drain: ${parts.join(", ")}${then}`;
}

function shown(count: number | null): string {
  return count === null ? "–" : `${count}`;
}

function sum(counts: readonly (number | null)[]): number | null {
  return counts.reduce((total, each) => total === null || each === null ? null : total + each, 0);
}

function isoTime(at_ms: number): string {
  return new Date(at_ms).toISOString();
}
