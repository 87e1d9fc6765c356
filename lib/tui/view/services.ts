import { plural } from "../../model/plural.ts";
import type { ServiceStatus } from "../../reconcile/status.ts";
import { type Line, line, span } from "../line.ts";
import { serviceDoor, serviceStanding, standingOf, takesNew } from "../rows.ts";
import type { State } from "../state.ts";
import { parts, rateNow } from "../trend.ts";
import { bytes, count, rate } from "../words.ts";
import { sign, sparkline } from "./signs.ts";
import { type Column, headLine, placed, rowLine, widest } from "./table.ts";

/** Cells of a sparkline: each is some seconds of the last ten minutes. */
const SPARK_CELLS_MAX = 40;

/** Cells of the name of a service, or its door, where they are long. */
const NAME_MAX = 32;
const DOOR_MAX = 48;

/** The table of services: its head, and as many rows as fit. */
export function servicesTable(state: State, rows: number): Line[] {
  const { services } = state.listing;
  if (services.length === 0) return [line(noneText(state), "faint")];
  const { top, chosen } = state.lists.services;
  const columns = placed(columnsOf(state, services), state.size.columns);
  const shown = services.slice(top, top + rows);
  return [
    headLine(columns),
    ...shown.map((one) =>
      rowLine(columns, one, one.service.name === chosen ? "chosen" : undefined)
    ),
  ];
}

function noneText({ picture, lists }: State): string {
  if (!picture) return "Looking …";
  if (picture.status.services.length > 0) return `No service matches "${lists.services.filter}".`;
  return picture.status.revision === null
    ? 'Nothing was applied yet: write the config ("lb init" makes a sample), then "lb apply".'
    : "No service is applied.";
}

function columnsOf(state: State, services: readonly ServiceStatus[]): Column<ServiceStatus>[] {
  const { trends, lists, picture, size } = state;
  const opened = ({ service }: ServiceStatus) => trends.get(service.name)?.opened ?? [];
  const moved = ({ service }: ServiceStatus) => trends.get(service.name)?.bytes ?? [];
  const isCounted = services.some((one) => moved(one).length > 0);
  const chosen = lists.services.chosen;
  const now_ms = picture?.at_ms ?? state.now_ms;
  const engines = widest(services.map(({ engine }) => engine), NAME_MAX);
  const names = widest(services.map(({ service }) => service.name), NAME_MAX);
  const doors = widest(services.map(serviceDoor), DOOR_MAX);
  const spark = Math.min(SPARK_CELLS_MAX, Math.max(8, Math.floor(size.columns / 5)));
  return [
    {
      title: "",
      least: 3,
      wants: 3,
      need: 99,
      cell: (one) => [
        span(one.service.name === chosen ? "› " : "  "),
        sign(serviceStanding(one)),
      ],
    },
    {
      title: "SERVICE",
      least: Math.max(7, Math.min(names, 10)),
      wants: Math.max(7, names),
      need: 90,
      cell: ({ service }) => line(service.name),
    },
    {
      title: "ENGINE",
      least: Math.max(4, engines),
      wants: Math.max(6, engines),
      need: 58,
      cell: ({ engine }) => line(engine),
    },
    {
      title: "VIP",
      least: Math.min(doors, 15),
      wants: Math.max(3, doors),
      need: 60,
      cell: (one) => line(serviceDoor(one)),
    },
    {
      title: "PROTO",
      least: 5,
      wants: 5,
      need: 20,
      cell: ({ service }) => line(service.protocol),
    },
    {
      title: "SCHED",
      least: 6,
      wants: 6,
      need: 30,
      cell: ({ service }) => line(service.scheduler),
    },
    { title: "UP", least: 4, wants: 7, need: 80, cell: upCell },
    {
      title: "NEW/S",
      align: "right",
      least: 5,
      wants: 6,
      need: 85,
      cell: (one) => line(rate(rateNow(opened(one)))),
    },
    {
      title: "ACTIVE",
      align: "right",
      least: 6,
      wants: 6,
      need: 75,
      cell: ({ backends }) => line(count(activeOf(backends))),
    },
    ...isCounted
      ? [{
        title: "BYTES/S",
        align: "right" as const,
        least: 8,
        wants: 8,
        need: 55,
        cell: (one: ServiceStatus) => line(bytes(rateNow(moved(one)))),
      }]
      : [],
    {
      title: "10 MIN",
      least: 6,
      wants: spark,
      need: 56,
      cell: (one, width) => line(sparkline(parts(opened(one), now_ms, width))),
    },
    { title: "", least: 12, wants: 60, need: 10, cell: (one) => line(remark(one), "faint") },
  ];
}

/** Who of its backends takes new connections. */
function upCell({ backends }: ServiceStatus): Line {
  const up = backends.filter(takesNew).length;
  return line(`${up}/${backends.length}`, up < backends.length ? "odd" : undefined);
}

function activeOf(backends: ServiceStatus["backends"]): number | null {
  const counts = backends.map((each) => each.active_connections);
  if (counts.every((each) => each === null)) return null;
  return counts.reduce<number>((sum, each) => sum + (each ?? 0), 0);
}

/** What its signs mean, where there is room. */
function remark({ backends, panic_since_ms }: ServiceStatus): string {
  if (panic_since_ms !== undefined) return "panic";
  if (!backends.some(takesNew)) return "refuses connections";
  const standings = backends.map(standingOf);
  const told = (standing: string, words: string) => {
    const many = standings.filter((each) => each === standing).length;
    return many > 0 ? [`${many} ${words}`] : [];
  };
  const told_all = [
    ...told("failing", "unhealthy"),
    ...told("drain", "draining"),
    ...told("maintenance", "in maintenance"),
  ];
  return told_all.join(", ");
}

/** `2 of 5 services` where some are filtered out. */
export function servicesCount({ listing, picture }: State): string {
  const all = picture?.status.services.length ?? 0;
  const shown = listing.services.length;
  return shown === all ? plural(all, "service") : `${shown} of ${plural(all, "service")}`;
}
