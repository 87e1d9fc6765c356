import { formatEndpoint, formatPrefix } from "../model/address.ts";
import { plural } from "../model/plural.ts";
import { type Rates, totalsOf } from "../model/sample.ts";
import { familiesOf, formatPorts } from "../model/service.ts";
import { trialWords } from "../model/trial.ts";
import { wrapped } from "../model/width.ts";
import { shortages } from "../reconcile/headroom.ts";
import { editedWords } from "../reconcile/edited.ts";
import type { BackendStatus, ServiceStatus, Status } from "../reconcile/status.ts";
import { type WorkerReport, workerTrouble } from "../reconcile/queue.ts";
import { type Cell, fitColumns } from "./fit.ts";
import type { Paint } from "./table.ts";

/**
 * Tables for people.
 *
 * @param width of the terminal; Infinity where it is none: nothing is left out then
 */
export function statusText(status: Status, paint: Paint, width = Infinity): string {
  const warnings = (lines: readonly string[]) => lines.map((line) => warning(line, paint, width));
  if (status.revision === null) {
    return warnings(status.blocked).join("\n") || wrapped(NOTHING_APPLIED, width).join("\n");
  }
  const head = `revision ${status.revision}, applied ${isoTime(status.applied_at_ms!)}`;
  return [
    ...wrapped(head, width, INDENT),
    ...warnings([
      ...status.trial ? [trialWords(status.trial)] : [],
      ...status.config_edited ? [editedWords(status)] : [],
      ...status.drifted.map((object) =>
        `${object} is not as it was applied; "lb reconcile" puts it right`
      ),
      ...status.blocked,
      ...shortages(status),
    ]),
    ...status.notes.flatMap((note) => wrapped(`· ${note}`, width, INDENT)),
    ...status.services.length === 0 ? ["No service is applied."] : tablesOf(status, paint, width),
  ].join("\n");
}

/** Of what goes on in the next line. */
const INDENT = "  ";

const NOTHING_APPLIED =
  'Nothing was applied yet: write the config ("lb init" makes a sample), then "lb apply".';

function warning(line: string, paint: Paint, width: number): string {
  return wrapped(`! ${line}`, width, INDENT).map((one) => paint(one, "yellow")).join("\n");
}

function tablesOf({ worker, services }: Status, paint: Paint, width: number): string[] {
  return [
    ...worker ? [workerText(worker, paint, width)] : [],
    ...services.map((one) => serviceText(one, paint, width)),
  ];
}

function workerText(report: WorkerReport, paint: Paint, width: number): string {
  const { pid, status } = report;
  const trouble = workerTrouble(report);
  if (trouble || !status) return warning(`${trouble}`, paint, width);
  const total = (key: "waiting" | "dropped_full" | "dropped_user") =>
    status.queues.reduce((sum, queue) => sum + queue[key], 0);
  const parts = [
    `${plural(status.seen, "first packet")} seen`,
    `${total("waiting")} waiting`,
    `${total("dropped_full") + total("dropped_user")} dropped`,
    plural(status.restarts, "restart"),
    ...(status.released > 0 ? [`${status.released} given to the kernel`] : []),
  ];
  const text = `queue worker ${pid} since ${isoTime(status.since_ms)}: ${parts.join(", ")}`;
  return wrapped(text, width, INDENT).join("\n");
}

function serviceText(one: ServiceStatus, paint: Paint, width: number): string {
  const { service, backends, panic_since_ms } = one;
  const [first = "", ...more] = wrapped(titleOf(one), width, INDENT);
  const title = [paint(service.name, "bold") + first.slice(service.name.length), ...more];
  if (backends.length === 0) {
    const none = wrapped("  no backends: connections are refused", width, INDENT);
    return ["", ...title, ...none].join("\n");
  }
  const panic = panic_since_ms === undefined ? [] : [
    `panic since ${isoTime(panic_since_ms)}: more backends fail than is believed, ` +
    "connections go where they went before",
  ];
  const warnings = [...panic, ...refusals(one)].flatMap((line) =>
    wrapped(`  ! ${line}`, width, INDENT).map((each) => paint(each, "yellow"))
  );
  return ["", ...title, backendTable(one, paint, width), ...warnings].join("\n");
}

function titleOf({ service, engine, fallbacks }: ServiceStatus): string {
  const where = service.vip.map(formatPrefix).join(" ");
  const ports = formatPorts(service.ports).join(",");
  const title = `${service.name}  ${service.protocol} ${where} port ${ports}`;
  const kernel = fallbacks ? `  (${fallbacks} chosen by the kernel itself)` : "";
  return `${title}  ${service.scheduler}  ${engine}${kernel}`;
}

/** IP versions of its VIPs for which nobody takes connections. */
function refusals({ service, backends }: ServiceStatus): string[] {
  return familiesOf(service)
    .filter((family) =>
      !backends.some(({ backend, effective_weight }) =>
        backend.address.family === family && effective_weight > 0
      )
    )
    .map((family) => `no IPv${family} backend takes connections: they are refused`);
}

/** Columns of the table, in their order, and what they have of the service where that is known. */
const COLUMNS = ["backend", "weight", "health", "new", "active"];

/** Health loses its reason first, then weight its remark; an address is longest worth its place. */
const SHRINK = [[2, 14], [1, 9], [0, 18]] as const;

/** What came about ever is the first that can be done without. */
const DROP = [7, 6, 3];

function backendTable(one: ServiceStatus, paint: Paint, width: number): string {
  const { backends, rates } = one;
  const rows: Cell[][] = backends.map((each) => [
    `  ${formatEndpoint(each.backend.address, each.backend.port)}`,
    weightCell(each),
    healthCell(each, paint),
    shown(each.new_connections),
    shown(each.active_connections),
  ]);
  const known = rates ? ratesShown(rates) : [];
  const head = [...COLUMNS, ...known.map(([name]) => name)];
  if (known.length > 0 && backends.length > 1) rows.push(sumRow(backends));
  rows.at(-1)!.push(...known.map(([, text]) => text));
  const titles = head.map((title, at) => paint(at === 0 ? `  ${title}` : title, "dim"));
  return fitColumns([titles, ...rows], { width, shrink: SHRINK, drop: DROP });
}

function sumRow(backends: ServiceStatus["backends"]): Cell[] {
  const { new_connections, active_connections } = totalsOf(backends);
  return ["  together", "", "", shown(new_connections), shown(active_connections)];
}

/** Of all backends together, where two moments make it known. */
function ratesShown(
  { new_per_second, ...bytes }: Rates,
): (readonly [name: string, text: string])[] {
  const { bytes_in_per_second: incoming, bytes_out_per_second: outgoing } = bytes;
  return [
    ...new_per_second === null ? [] : [["new/s", threeDigits(new_per_second)] as const],
    ...incoming === null ? [] : [["in/s", byteText(incoming)] as const],
    ...outgoing === null ? [] : [["out/s", byteText(outgoing)] as const],
  ];
}

/** `0.25`, `12.5`, `617`. */
function threeDigits(value: number): string {
  if (value === 0) return "0";
  const digits = value < 1 ? 2 : value < 100 ? 1 : 0;
  return value.toFixed(digits).replace(/\.0+$/, "");
}

const BYTE_UNITS = ["B", "kB", "MB", "GB", "TB"];

/** `9.8 MB` */
function byteText(bytes: number): string {
  const power = bytes < 1 ? 0 : Math.min(Math.floor(Math.log10(bytes) / 3), BYTE_UNITS.length - 1);
  return `${threeDigits(bytes / 1000 ** power)} ${BYTE_UNITS[power]}`;
}

/** `healthy 0.8 ms`, `unhealthy (connection refused) since …`. */
function healthCell(
  { health, health_reason, check_ms, changed_at_ms }: BackendStatus,
  paint: Paint,
): Cell {
  const reason = health_reason ? ` (${health_reason})` : "";
  if (health === "healthy") {
    return check_ms === null || reason ? health + reason : `${health} ${milliseconds(check_ms)}`;
  }
  const short = paint(`${health}${reason}`, "yellow");
  if (check_ms === null || changed_at_ms === null) return short;
  return [paint(`${health}${reason} since ${isoTime(changed_at_ms)}`, "yellow"), short];
}

/** Two digits tell enough. */
function milliseconds(time_ms: number): string {
  return `${time_ms < 10 ? time_ms.toFixed(1) : Math.round(time_ms)} ms`;
}

/** `100`, `25 of 100 (why)`, `100 (backup)`. */
function weightCell(each: BackendStatus): Cell {
  const { backend, effective_weight, weight_reason } = each;
  const weights = effective_weight === backend.weight
    ? `${backend.weight}`
    : `${effective_weight} of ${backend.weight}`;
  const intent = intentText(each);
  const remark = intent || weight_reason || (backend.backup ? "backup" : "");
  if (remark === "") return weights;
  const full = `${weights} (${remark})`;
  // What was asked for is worth its beginning; why else a weight is what it is can be seen beside it.
  return intent ? full : [full, weights];
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

function isoTime(at_ms: number): string {
  return new Date(at_ms).toISOString();
}
