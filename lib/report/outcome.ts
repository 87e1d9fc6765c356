import type { Change } from "../model/change.ts";
import type { HealthChange } from "../model/health.ts";
import { JOURNAL_RESOURCES } from "../model/journal.ts";
import { plural } from "../model/plural.ts";
import { nameOfKey } from "../model/service.ts";
import { driftFound, driftWords, type Outcome } from "../reconcile/outcome.ts";
import { impactText } from "./impact.ts";
import { columns, type Paint } from "./table.ts";

const SIGNS = { add: "+", change: "~", remove: "-" } as const;
const SIGN_STYLES = { add: "green", change: "yellow", remove: "red" } as const;

/** `lb apply --json`, `lb reconcile --json`, … (docs/cli.md). */
export function outcomeJson(
  { news: _, health, ...outcome }: Outcome,
): Record<string, unknown> {
  return { ...outcome, ...health && { health: health.map(healthJson) } };
}

/** People and scripts know no `backendKey`: backends are called as in notifications. */
function healthJson({ backend, ...change }: HealthChange) {
  return { ...change, ...backend !== undefined && { backend: nameOfKey(backend) } };
}

/** What there is to report where lb has nothing in force: the same keys as always. */
export const NOTHING_IN_FORCE: Outcome = {
  revision: null,
  changed: false,
  changes: [],
  sysctls: [],
  services: [],
  drift: [],
  blocked: [],
  warnings: [],
  notes: [],
};

/** What a run did, for people. @param planned it is a plan: nothing was done */
export function outcomeText(outcome: Outcome, planned: boolean, paint: Paint): string {
  return [
    headline(outcome, planned, paint),
    changesText(outcome, paint),
    ...healthLines(outcome, paint),
    ...outcome.drift.map((object) => paint(`! ${driftFound(object, outcome.changes)}`, "yellow")),
    ...outcome.notes.map((note) => `· ${note}`),
    servicesText(outcome),
    impactText(outcome.impact ?? [], paint),
  ].filter((part) => part !== "").join("\n");
}

/** What a pass has found and changed, a line for each: what cron mails. Nothing where all is as it was. */
export function passLines(outcome: Outcome, paint: Paint): string[] {
  const { changes, drift, news = [], routine } = outcome;
  const others = routine ? [] : collapsed(changes).filter(({ engine, object }) =>
    // Beside drift, what else engines were changed in is what follows from health and load.
    !drift.includes(object) && (drift.length === 0 || isHostResource(engine))
  ).map((change) => {
    const sign = paint(SIGNS[change.op], SIGN_STYLES[change.op]);
    return [sign, change.engine, change.object, change.detail].filter(Boolean).join(" ");
  });
  return [
    ...healthLines(outcome, paint),
    ...drift.map((object) => paint(`! ${driftWords(object, changes)}`, "yellow")),
    ...others,
    ...news.map((note) => `· ${note}`),
  ];
}

function isHostResource(name: string): boolean {
  return JOURNAL_RESOURCES.some((resource) => resource === name);
}

/** What has changed of backends' health, a line for each. */
export function healthLines({ health = [] }: Outcome, paint: Paint): string[] {
  return health.map(({ message }) => paint(`! ${message}`, "yellow"));
}

function headline(outcome: Outcome, planned: boolean, paint: Paint): string {
  const count = plural(outcome.changes.length, "change");
  if (planned) return paint(outcome.changed ? `Plan: ${count}` : "Plan: nothing to change", "bold");
  const at = outcome.revision === null ? "" : ` (revision ${outcome.revision})`;
  return paint(outcome.changed ? `Applied: ${count}${at}` : `Nothing to change${at}`, "bold");
}

function changesText({ changes, sysctls }: Outcome, paint: Paint): string {
  const reasons = new Map(sysctls.map(({ key, why }) => [key, why]));
  return columns(
    collapsed(changes).map(({ engine, op, object, detail }) => [
      `  ${paint(SIGNS[op], SIGN_STYLES[op])}`,
      engine,
      object,
      paint([detail, op === "remove" ? "" : reasons.get(object)].filter(Boolean).join("  "), "dim"),
    ]),
  );
}

/** A table that is made anew is one line, not one for each thing in it (--json has them all). */
function collapsed(changes: readonly Change[]): Change[] {
  const isTable = ({ engine, op, object }: Change) =>
    engine === "nft" && op === "add" && object.startsWith("table ");
  const isPart = ({ engine, op }: Change) => engine === "nft" && op === "add";
  const table = changes.find(isTable);
  if (!table) return [...changes];
  const parts = changes.filter((change) => isPart(change) && change !== table);
  const kinds = new Map<string, number>();
  for (const { object } of parts) {
    const kind = object.split(" ", 1)[0]!;
    kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
  }
  if (parts.length === 0) return [...changes];
  const contents = [...kinds].map(([kind, count]) => plural(count, kind));
  const detail = `${table.detail}; with ${contents.join(", ")}`;
  return [{ ...table, detail }, ...changes.filter((change) => !isPart(change))];
}

/** More services than this are told by engine and reason, not one by one (--json has them all). */
const SERVICES_TOLD_MAX = 50;

function servicesText({ services }: Outcome): string {
  if (services.length <= SERVICES_TOLD_MAX) {
    return columns(services.map(({ name, engine, reason }) => [`  ${name}`, engine, reason]));
  }
  const groups = Map.groupBy(services, ({ engine, reason }) => `${engine}\n${reason}`);
  return columns(
    Array.from(groups.values(), (group) => {
      const { engine, reason } = group[0]!;
      return [`  ${plural(group.length, "service")}`, engine, reason];
    }),
  );
}
