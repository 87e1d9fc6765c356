import type { Outcome } from "../reconcile/outcome.ts";
import { columns, type Paint } from "./table.ts";

const SIGNS = { add: "+", change: "~", remove: "-" } as const;
const SIGN_STYLES = { add: "green", change: "yellow", remove: "red" } as const;

/** `lb apply --json`, `lb reconcile --json`, … (docs/cli.md). */
export function outcomeJson(outcome: Outcome): Record<string, unknown> {
  return { ...outcome };
}

/** What a run did, for people. @param planned it is a plan: nothing was done */
export function outcomeText(outcome: Outcome, planned: boolean, paint: Paint): string {
  return [
    headline(outcome, planned, paint),
    changesText(outcome, paint),
    ...outcome.drift.map((object) => paint(`! ${object}: changed behind lb's back`, "yellow")),
    ...outcome.notes.map((note) => `· ${note}`),
    servicesText(outcome),
  ].filter((part) => part !== "").join("\n");
}

function headline(outcome: Outcome, planned: boolean, paint: Paint): string {
  const count = `${outcome.changes.length} ${outcome.changes.length === 1 ? "change" : "changes"}`;
  if (planned) return paint(outcome.changed ? `Plan: ${count}` : "Plan: nothing to change", "bold");
  const at = outcome.revision === null ? "" : ` (revision ${outcome.revision})`;
  return paint(outcome.changed ? `Applied: ${count}${at}` : `Nothing to change${at}`, "bold");
}

function changesText({ changes }: Outcome, paint: Paint): string {
  return columns(changes.map(({ engine, op, object, detail }) => [
    `  ${paint(SIGNS[op], SIGN_STYLES[op])}`,
    engine,
    object,
    paint(detail, "dim"),
  ]));
}

function servicesText({ services }: Outcome): string {
  return columns(services.map(({ name, engine, reason }) => [`  ${name}`, engine, reason]));
}
