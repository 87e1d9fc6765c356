import { formatEndpoint, formatPrefix } from "../model/address.ts";
import { backendKey, formatPorts } from "../model/service.ts";
import type { BackendStatus, ServiceStatus } from "../reconcile/status.ts";
import { type List, type Listing, type Sort, type State } from "./state.ts";
import { backendRate, rateNow } from "./trend.ts";

/** How a backend is, in one word: the worst first. */
export const STANDINGS = ["failing", "drain", "maintenance", "idle", "unchecked", "well"] as const;
export type Standing = typeof STANDINGS[number];

/** How a backend is. Pure. */
export function standingOf(
  { intent, health, effective_weight, check_ms }: BackendStatus,
): Standing {
  if (intent === "maintenance" || intent === "drain") return intent;
  // Unknown after a check: it has failed every one so far, and "lb status" ends with 1 for it.
  const isUnwell = health === "unhealthy" || health === "unknown" && check_ms !== null;
  if (isUnwell) return "failing";
  if (effective_weight === 0) return "idle";
  return health === "unknown" || check_ms === null ? "unchecked" : "well";
}

/** How a service is: as its worst backend, or as nobody serves it. Pure. */
export function serviceStanding({ backends, panic_since_ms }: ServiceStatus): Standing {
  if (panic_since_ms !== undefined || !backends.some(takesNew)) return "failing";
  return STANDINGS.find((each) => backends.some((backend) => standingOf(backend) === each))!;
}

/** Whether it gets new connections. */
export function takesNew({ effective_weight }: BackendStatus): boolean {
  return effective_weight > 0;
}

/** `203.0.113.10:80`, with how many more there are: `203.0.113.10:80 +2`. */
export function serviceDoor({ service }: ServiceStatus): string {
  const [vip, ...others] = service.vip.map(formatPrefix);
  const ports = formatPorts(service.ports).join(",");
  const door = vip!.includes(":") ? `[${vip}]:${ports}` : `${vip}:${ports}`;
  return others.length > 0 ? `${door} +${others.length}` : door;
}

/** As people write it. */
export function backendName({ backend }: BackendStatus): string {
  return formatEndpoint(backend.address, backend.port);
}

/** Names a backend of a service, as {@linkcode List.chosen} does. */
export function keyOf({ backend }: BackendStatus): string {
  return backendKey(backend);
}

/** Rows as filters and orders want them. Pure. */
export function listingOf(state: State): Listing {
  const all = state.picture?.status.services ?? [];
  const { lists } = state;
  const services = sorted(all.filter(matchesService(lists.services)), lists.services.sort, {
    name: ({ service }) => service.name,
    fresh: ({ service }) => rateNow(state.trends.get(service.name)?.opened ?? []) ?? -1,
    active: ({ backends }) => backends.reduce((sum, one) => sum + (one.active_connections ?? 0), 0),
    standing: serviceStanding,
  });
  const chosen = services.find(({ service }) => service.name === lists.services.chosen) ??
    services[0];
  const backends = sorted(
    (chosen?.backends ?? []).filter(matchesBackend(lists.backends)),
    lists.backends.sort,
    {
      name: backendName,
      fresh: ({ backend }) => backendRate(state.tallies, backend.id) ?? -1,
      active: ({ active_connections }) => active_connections ?? 0,
      standing: standingOf,
    },
  );
  return { services, backends };
}

function matchesService({ filter }: List) {
  const wanted = filter.toLowerCase();
  return (one: ServiceStatus) =>
    wanted === "" ||
    [one.service.name, serviceDoor(one), one.engine, one.service.scheduler, serviceStanding(one)]
      .some((text) => text.toLowerCase().includes(wanted));
}

function matchesBackend({ filter }: List) {
  const wanted = filter.toLowerCase();
  return (one: BackendStatus) =>
    wanted === "" ||
    [backendName(one), one.intent, one.health, one.health_reason, standingOf(one)]
      .some((text) => text.toLowerCase().includes(wanted));
}

/** What rows are sorted by. */
interface Orders<Row> {
  readonly name: (row: Row) => string;
  readonly fresh: (row: Row) => number;
  readonly active: (row: Row) => number;
  readonly standing: (row: Row) => Standing;
}

/** Equal ones stay as the file has them. */
function sorted<Row>(rows: readonly Row[], sort: Sort, orders: Orders<Row>): readonly Row[] {
  switch (sort) {
    case "config":
      return rows;
    case "name":
      return byNumbers(rows, orders.name, (a, b) => a < b ? -1 : a > b ? 1 : 0);
    case "new":
      return byNumbers(rows, orders.fresh, (a, b) => b - a);
    case "active":
      return byNumbers(rows, orders.active, (a, b) => b - a);
    case "worst":
      return byNumbers(rows, (row) => STANDINGS.indexOf(orders.standing(row)), (a, b) => a - b);
  }
}

/** Each row is looked at once, not once per comparison. */
function byNumbers<Row, Key>(
  rows: readonly Row[],
  keyOf: (row: Row) => Key,
  compare: (a: Key, b: Key) => number,
): readonly Row[] {
  return rows.map((row) => ({ row, key: keyOf(row) })).sort((a, b) => compare(a.key, b.key))
    .map(({ row }) => row);
}

/** The list with a choice that exists, on the screen. Pure. @param keys of its rows @param height rows that fit */
export function settledList(list: List, keys: readonly string[], height: number): List {
  const found = keys.indexOf(list.chosen ?? "");
  const at = Math.max(0, found);
  const chosen = keys[at];
  const highest = Math.max(0, keys.length - height);
  const top = Math.min(Math.max(list.top, at - height + 1, 0), at, highest);
  return chosen === list.chosen && top === list.top ? list : { ...list, chosen, top };
}

/** The list with another row chosen, so many further on. Pure. */
export function moved(list: List, keys: readonly string[], by: number): List {
  const at = Math.max(0, keys.indexOf(list.chosen ?? ""));
  const next = Math.min(keys.length - 1, Math.max(0, at + by));
  return { ...list, chosen: keys[next] };
}
