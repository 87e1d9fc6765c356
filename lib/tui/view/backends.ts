import { plural } from "../../model/plural.ts";
import type { BackendStatus, DrainStatus, ServiceStatus } from "../../reconcile/status.ts";
import { type Line, line, span } from "../line.ts";
import { backendName, keyOf, standingOf } from "../rows.ts";
import type { State } from "../state.ts";
import { backendRate } from "../trend.ts";
import { clockTime, count, countdown, duration, percent, rate } from "../words.ts";
import { sign } from "./signs.ts";
import { type Column, headLine, placed, rowLine, widest } from "./table.ts";

/** `[IPv6]:port` has no more. */
const NAME_MAX = 48;

/** `65535/65535` */
const WEIGHT_MAX = 11;

/** The table of a service's backends: its head, and as many rows as fit. */
export function backendsTable(
  state: State,
  service: ServiceStatus,
  { backends, rows, isList }: {
    readonly backends: readonly BackendStatus[];
    readonly rows: number;
    /** Whether the operator moves in it. */
    readonly isList: boolean;
  },
): Line[] {
  if (backends.length === 0) return [line(noneText(state, service), "faint")];
  const { top, chosen } = state.lists.backends;
  const mark = isList ? chosen : undefined;
  const columns = placed(columnsOf(state, service, backends, mark), state.size.columns);
  const first = isList ? top : 0;
  const shown = backends.slice(first, first + rows);
  return [
    headLine(columns),
    ...shown.map((one) =>
      rowLine(columns, one, mark !== undefined && keyOf(one) === mark ? "chosen" : undefined)
    ),
  ];
}

function noneText({ lists }: State, { backends }: ServiceStatus): string {
  return backends.length > 0
    ? `No backend matches "${lists.backends.filter}".`
    : "No backends: connections are refused.";
}

/** What backends of the same IP version have together: clients of one never come to backends of the other. */
function familySums(
  backends: readonly BackendStatus[],
  partOf: (one: BackendStatus) => number,
): (one: BackendStatus) => number {
  const sums = new Map<number, number>();
  for (const one of backends) {
    const { family } = one.backend.address;
    sums.set(family, (sums.get(family) ?? 0) + partOf(one));
  }
  return ({ backend }) => sums.get(backend.address.family)!;
}

function columnsOf(
  state: State,
  service: ServiceStatus,
  backends: readonly BackendStatus[],
  mark: string | undefined,
): Column<BackendStatus>[] {
  const { tallies } = state;
  const rateOf = ({ backend }: BackendStatus) => backendRate(tallies, backend.id);
  const weights = familySums(service.backends, ({ effective_weight }) => effective_weight);
  const rates = familySums(service.backends, (one) => rateOf(one) ?? 0);
  const names = widest(backends.map(backendName), NAME_MAX);
  return [
    {
      title: "",
      least: 3,
      wants: 3,
      need: 99,
      cell: (one) => [
        span(mark !== undefined && keyOf(one) === mark ? "› " : "  "),
        sign(standingOf(one)),
      ],
    },
    {
      title: "BACKEND",
      least: Math.min(names, 18),
      wants: Math.max(7, names),
      need: 90,
      cell: (one) => line(backendName(one)),
    },
    {
      title: "WEIGHT",
      align: "right",
      least: 6,
      wants: Math.max(6, widest(backends.map(weightText), WEIGHT_MAX)),
      need: 60,
      cell: (one) => line(weightText(one), isReduced(one) ? "odd" : undefined),
    },
    {
      title: "DUE",
      align: "right",
      least: 4,
      wants: 4,
      need: 55,
      cell: (one) => line(percent(one.effective_weight, weights(one))),
    },
    {
      title: "GETS",
      align: "right",
      least: 4,
      wants: 4,
      need: 66,
      cell: (one) => line(percent(rateOf(one) ?? 0, rates(one))),
    },
    {
      title: "NEW/S",
      align: "right",
      least: 6,
      wants: 6,
      need: 50,
      cell: (one) => line(rate(rateOf(one))),
    },
    {
      title: "ACTIVE",
      align: "right",
      least: 6,
      wants: 6,
      need: 70,
      cell: ({ active_connections }) => line(count(active_connections)),
    },
    {
      title: "STATE",
      least: 15,
      wants: 200,
      need: 80,
      cell: (one) => line(stateText(one, state.now_ms), isFine(one) ? undefined : "odd"),
    },
  ];
}

function isFine(one: BackendStatus): boolean {
  return ["well", "unchecked"].includes(standingOf(one));
}

/** `100`, or `25/100`: what it has now, of what is configured. */
function weightText(one: BackendStatus): string {
  return isReduced(one) ? `${one.effective_weight}/${one.backend.weight}` : `${one.backend.weight}`;
}

function isReduced({ backend, effective_weight }: BackendStatus): boolean {
  return effective_weight !== backend.weight;
}

/** `healthy 0.8 ms`, `unhealthy 3 min: connection refused`, `drain: 42 s, 17 left`. Pure. */
export function stateText(one: BackendStatus, now_ms: number): string {
  if (one.intent === "maintenance") return "maintenance";
  if (one.intent === "drain") return drainText(one, now_ms);
  const { health, health_reason, check_ms, changed_at_ms, weight_reason } = one;
  if (health === "unhealthy") {
    const since = changed_at_ms === null ? "" : ` ${duration(now_ms - changed_at_ms)}`;
    return `unhealthy${since}${health_reason ? `: ${health_reason}` : ""}`;
  }
  if (check_ms === null && health_reason !== "") return withReason(health_reason, weight_reason);
  const time = health === "healthy" && check_ms !== null ? ` ${milliseconds(check_ms)}` : "";
  const since = changed_at_ms === null || health === "unknown"
    ? ""
    : ` for ${duration(now_ms - changed_at_ms)}`;
  return withReason(`${health}${time}${since}`, health_reason || weight_reason);
}

function withReason(words: string, reason: string): string {
  return reason === "" || reason === words ? words : `${words} (${reason})`;
}

function drainText({ drain }: BackendStatus, now_ms: number): string {
  if (!drain) return "drain";
  const then = drain.removes ? ", then removed" : "";
  if (drain.ended !== null) {
    return `${drain.ended === "cut" ? "drain: rest cut" : "drained"}${then}`;
  }
  const parts = [
    ...timeLeft(drain, now_ms),
    ...drain.connections_left === null ? [] : [`${count(drain.connections_left)} left`],
  ];
  return `drain: ${parts.join(", ")}${then}`;
}

/** By now: a countdown goes on between two looks. None where nothing will be cut. */
function timeLeft({ deadline_ms }: DrainStatus, now_ms: number): string[] {
  if (deadline_ms === null) return [];
  return deadline_ms > now_ms ? [countdown(deadline_ms - now_ms)] : ["time is over"];
}

function milliseconds(time_ms: number): string {
  return `${time_ms < 10 ? time_ms.toFixed(1) : Math.round(time_ms)} ms`;
}

/** All that is known of the chosen one, where a row is too short for it. Pure. */
export function backendDetail(one: BackendStatus, now_ms: number): string {
  const { health, health_reason, weight_reason, backend, changed_at_ms, new_connections } = one;
  const since = changed_at_ms === null
    ? ""
    : ` since ${clockTime(changed_at_ms)} (${duration(now_ms - changed_at_ms)})`;
  return [
    `${backendName(one)}: ${health}${since}${health_reason ? `, ${health_reason}` : ""}`,
    ...weight_reason ? [`weight: ${weight_reason}`] : [],
    ...backend.backup ? ["backup"] : [],
    ...new_connections === null
      ? []
      : [`${plural(new_connections, "connection")} since it was added`],
  ].join("; ");
}
