import { shortTime } from "../model/time.ts";
import type { PlannedRevision, Revision, RevisionSummary } from "../store/revisions.ts";
import { unifiedDiff } from "./diff.ts";
import { columns, type Paint, type Style } from "./table.ts";

const OUTCOME_STYLES: Readonly<Record<Revision["outcome"], Style>> = {
  applied: "green",
  failed: "red",
  interrupted: "yellow",
  reverted: "yellow",
};

/** How a config differs from the one that was in force before it. */
export interface RevisionDiff {
  readonly revision: Revision;
  /** undefined where it was the first. */
  readonly before: Revision | undefined;
}

/** `lb history --json` (docs/cli.md). @param current the revision in force */
export function historyJson(
  revisions: readonly RevisionSummary[],
  current: number | undefined,
): Record<string, unknown> {
  return { current: current ?? null, revisions: revisions.map(summaryJson) };
}

/** The list, newest first, with a star at the revision in force. */
export function historyText(
  revisions: readonly RevisionSummary[],
  current: number | undefined,
  paint: Paint,
): string {
  if (revisions.length === 0) return "Nothing was applied yet.";
  const head = ["  revision", "when", "who", "command", "outcome", "what changed"];
  const rows = revisions.map((one) => [
    `${one.revision === current ? "*" : " "} ${one.revision}`,
    shortTime(one.at_ms),
    one.who,
    one.command,
    paint(one.outcome, OUTCOME_STYLES[one.outcome]),
    detailOf(one),
  ]);
  return columns([head.map((cell) => paint(cell, "dim")), ...rows]);
}

/** `lb history REVISION --json` */
export function revisionJson(revision: PlannedRevision): Record<string, unknown> {
  const { plan_json, config_text } = revision;
  const changes = plan_json === null ? null : JSON.parse(plan_json);
  const config_bytes = new TextEncoder().encode(config_text).length;
  return { ...summaryJson({ ...revision, config_bytes }), changes, config: config_text };
}

/** `lb history --diff REVISION --json` */
export function revisionDiffJson(change: RevisionDiff): Record<string, unknown> {
  const lines = diffOf(change);
  return {
    revision: change.revision.revision,
    before: change.before?.revision ?? null,
    diff: lines.map((line) => `${line}\n`).join(""),
  };
}

/** `lb history --diff REVISION` */
export function revisionDiffText(change: RevisionDiff, paint: Paint): string {
  const lines = diffOf(change);
  if (lines.length === 0) return "The config did not change.";
  return lines.map((line) => painted(line, paint)).join("\n");
}

/** One revision in a few words: `revision 3, applied 2026-11-20T09:00:00Z by root (lb apply)`. */
export function describeRevision(one: Pick<Revision, "revision" | "at_ms" | "outcome"> & Author) {
  const { revision, outcome, at_ms, who, command } = one;
  return `revision ${revision}, ${outcome} ${shortTime(at_ms)} by ${who} (${command})`;
}

type Author = Pick<Revision, "who" | "command">;

function summaryJson(one: RevisionSummary) {
  return {
    revision: one.revision,
    at: new Date(one.at_ms).toISOString(),
    finished_at: one.finished_at_ms === null ? null : new Date(one.finished_at_ms).toISOString(),
    who: one.who,
    command: one.command,
    outcome: one.outcome,
    detail: one.detail,
    config_bytes: one.config_bytes,
  };
}

function detailOf({ detail, config_bytes, outcome }: RevisionSummary): string {
  if (outcome === "interrupted") return "was cut off, or is under way";
  const [first = ""] = (detail ?? "").split("\n", 1);
  return outcome === "applied" && config_bytes === 0 ? `${first}; nothing is left` : first;
}

function diffOf({ revision, before }: RevisionDiff): string[] {
  const lines = unifiedDiff(before?.config_text ?? "", revision.config_text);
  if (lines.length === 0) return [];
  const name = before ? `revision ${before.revision}` : "/dev/null";
  return [`--- ${name}`, `+++ revision ${revision.revision}`, ...lines];
}

function painted(line: string, paint: Paint): string {
  if (line.startsWith("+")) return paint(line, "green");
  if (line.startsWith("-")) return paint(line, "red");
  return line.startsWith("@@") ? paint(line, "dim") : line;
}
