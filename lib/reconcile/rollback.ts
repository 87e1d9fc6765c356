import { LbError } from "../model/error.ts";
import type { Revision, Revisions, RevisionSummary } from "../store/revisions.ts";

/** Revisions that an error names. */
const NAMED_MAX = 10;

/**
 * Whether somebody who goes back may have this revision in mind: it was in force, is not now, and was
 * not an uninstall.
 */
export function isEarlier(one: RevisionSummary, current: number | undefined): boolean {
  return one.outcome === "applied" && one.revision !== current && one.config_bytes > 0;
}

/**
 * The revision to go back to.
 *
 * @param wanted its number; undefined means the one that was in force before the current
 * @throws {LbError} `usage` where there is none, naming those there are
 */
export function rollbackTarget(revisions: Revisions, wanted: number | undefined): Revision {
  if (wanted === undefined) return previous(revisions);
  const found = revisions.get(wanted);
  if (!found) throw unfit(revisions, `there is no revision ${wanted}`);
  if (found.outcome !== "failed") return found;
  const [why = ""] = (found.detail ?? "").split("\n", 1);
  throw unfit(revisions, `revision ${wanted} failed, it was never in force (${why})`);
}

/** After an uninstall, what was there before it; and never what was taken back because nobody had confirmed it. */
function previous(revisions: Revisions): Revision {
  let found = revisions.latestApplied();
  do {
    found = found && revisions.appliedBefore(found.revision);
  } while (found && (found.config_text === "" || found.outcome === "reverted"));
  if (!found) throw new LbError("usage", "there is no earlier revision to go back to");
  return found;
}

function unfit(revisions: Revisions, what: string): LbError {
  const current = revisions.latestApplied()?.revision;
  const numbers = revisions.summaries().filter((one) => isEarlier(one, current))
    .map(({ revision }) => revision).slice(0, NAMED_MAX);
  const choice = numbers.length === 0
    ? "there is no earlier one to go back to"
    : `go back to one of ${numbers.join(", ")}; "lb history" tells more`;
  return new LbError("usage", `${what}; ${choice}`);
}
