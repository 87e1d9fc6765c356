import { BINDINGS } from "../keys.ts";
import { type Layout, layoutOf, SMALLEST } from "../layout.ts";
import { fit, type Line, line, span } from "../line.ts";
import { wrapped } from "../../model/width.ts";
import { keyOf } from "../rows.ts";
import { formatPorts } from "../../model/service.ts";
import { formatPrefix } from "../../model/address.ts";
import type { ServiceStatus } from "../../reconcile/status.ts";
import { chosenService, type Page, type State } from "../state.ts";
import { backendDetail, backendsTable } from "./backends.ts";
import { dialogPage } from "./dialog.ts";
import { eventsBlock, eventsPage, ruled } from "./events.ts";
import { activityLine, attentionLines, headroomLine, titleLine } from "./frame.ts";
import { helpPage } from "./help.ts";
import { servicesCount, servicesTable } from "./services.ts";

/** The whole screen: as many lines as it has rows, each as wide as it is. Pure. */
export function screen(state: State): readonly Line[] {
  const { columns, rows } = state.size;
  if (columns < SMALLEST.columns || rows < SMALLEST.rows) return tooSmall(state);
  const layout = layoutOf(state);
  const top = [
    titleLine(state),
    activityLine(state),
    ...attentionLines(state, layout.attention),
    headroomLine(state),
  ];
  const body = bodyLines(state, layout);
  const filler = Array.from({ length: Math.max(0, layout.text - body.length) }, () => line(""));
  return [...top, ...body.slice(0, layout.text), ...filler, lastLine(state)]
    .map((one) => fit(one, columns));
}

function tooSmall({ size: { columns, rows } }: State): Line[] {
  const text = `lb status needs ${SMALLEST.columns} columns and ${SMALLEST.rows} rows; here are ` +
    `${columns} and ${rows}. q quits.`;
  const lines = wrapped(text, columns).slice(0, rows).map((one) => line(one));
  const filler = Array.from({ length: Math.max(0, rows - lines.length) }, () => line(""));
  return [...lines, ...filler].map((one) => fit(one, columns));
}

function bodyLines(state: State, layout: Layout): Line[] {
  if (state.dialog) return dialogPage(state, layout.text);
  switch (state.page) {
    case "services":
      return servicesPage(state, layout);
    case "service":
      return servicePage(state, layout);
    default:
      return readLines(state).slice(state.top, state.top + layout.text);
  }
}

/** All lines of a page that is read. Pure. */
export function readLines(state: State): Line[] {
  if (state.page === "events") return eventsPage(state);
  if (state.page === "why") return whyPage(state);
  return state.page === "help" ? helpPage(state) : [];
}

function servicesPage(state: State, layout: Layout): Line[] {
  const beside = chosenService(state);
  return [
    ...servicesTable(state, layout.services),
    ...beside && layout.backends > 0
      ? [
        ruled(
          beside.backends.length > layout.backends
            ? `${beside.service.name}: ${layout.backends} of ${beside.backends.length} backends`
            : beside.service.name,
          state.size.columns,
        ),
        ...backendsTable(state, beside, {
          backends: beside.backends,
          rows: layout.backends,
          isList: false,
        }).slice(layout.isHeaded || beside.backends.length === 0 ? 0 : 1),
      ]
      : [],
    ...eventsBlock(state, layout.happenings),
  ];
}

function servicePage(state: State, layout: Layout): Line[] {
  const service = chosenService(state);
  if (!service) {
    const name = state.lists.services.chosen;
    return [line(state.picture ? ` There is no service ${name}.` : " Looking …", "faint")];
  }
  const { backends } = state.listing;
  const chosen = backends.find((one) => keyOf(one) === state.lists.backends.chosen);
  return [
    ...serviceLines(service),
    ...backendsTable(state, service, { backends, rows: layout.backends, isList: true }),
    line(chosen ? ` ${backendDetail(chosen, state.now_ms)}` : "", "faint"),
    ...eventsBlock(state, layout.happenings),
  ];
}

function serviceLines({ service, engine, reason, fallbacks }: ServiceStatus): Line[] {
  const where = service.vip.map(formatPrefix).join(" ");
  const ports = formatPorts(service.ports).join(",");
  const kernel = fallbacks ? `, ${fallbacks} chosen by the kernel itself` : "";
  return [
    [
      span(` ${service.name}`, "strong"),
      span(
        `  ${service.protocol} ${where} port ${ports}  ${service.scheduler}  ${service.forward}`,
      ),
    ],
    line(` ${engine}: ${reason}${kernel}`),
  ];
}

function whyPage({ reading, size }: State): Line[] {
  if (!reading) return [];
  const lines = reading.lines?.flatMap((text) => wrapped(text, size.columns - 2, "    ")) ??
    ["looking …"];
  return [ruled(reading.title, size.columns), ...lines.map((text) => line(` ${text}`))];
}

/** Where something is typed, what came of the last key, or what can be done here. */
function lastLine(state: State): Line {
  const { typing, note, page, dialog } = state;
  if (typing) {
    const what = typing.what === "filter" ? "filter" : "flow or client address";
    return [
      span(` ${what}: `, "strong"),
      span(typing.text),
      span("█"),
      span("  enter, esc", "faint"),
    ];
  }
  if (note) return line(` ${note.text}`, note.tone === "plain" ? undefined : note.tone);
  if (dialog) return line("");
  return [...listText(state), ...hints(page)];
}

/** What is the same everywhere comes first: there may not be room for all. */
function hints(page: Page): Line {
  return BINDINGS.filter(({ hint, pages }) => hint && (!pages || pages.includes(page)))
    .toSorted((a, b) => (a.pages ? 1 : 0) - (b.pages ? 1 : 0))
    .flatMap(({ label, hint }) => [span(` ${label}`, "strong"), span(` ${hint}`)]);
}

/** How the list is sorted and filtered. */
function listText(state: State): Line {
  const { page, lists } = state;
  if (page !== "services" && page !== "service") return [];
  const { sort, filter } = page === "services" ? lists.services : lists.backends;
  const shown = page === "services"
    ? servicesCount(state)
    : `${state.listing.backends.length} shown`;
  const parts = [
    ...filter === "" ? [] : [`"${filter}"`, shown],
    ...sort === "config" ? [] : [`by ${sort}`],
  ];
  return parts.length > 0 ? [span(` ${parts.join(", ")} `, "chosen")] : [];
}
