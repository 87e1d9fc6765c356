import { EXIT_OK, LbError } from "../lib/model/error.ts";
import type { PlannedRevision, Revisions } from "../lib/store/revisions.ts";
import { context } from "./context.ts";
import { print, printJson, stdoutPaint } from "./shared/io.ts";
import {
  type End,
  examples,
  parseCount,
  parseRevision,
  placedCommand,
  placesOf,
} from "./shared/options.ts";

const LIMIT_DEFAULT = 20;

/** `lb history` */
export function historyCommand(end: End) {
  return placedCommand("history")
    .summary("revisions: when, who, with which command, what came of it")
    .description(
      "Lists the revisions, newest first, with a star at the one in force. With a number, prints " +
        "the config of that revision.",
    )
    .argument("[revision]", "print the config of this one", parseRevision)
    .option("--diff <revision>", "how it differs from the one applied before it", parseRevision)
    .option("--limit <count>", "how many to list", parseCount, LIMIT_DEFAULT)
    .addHelpText(
      "after",
      examples(
        ["lb history", "the newest"],
        ["lb history --diff 12", "what revision 12 changed in the config"],
        ["lb history 12", "its config"],
        ["lb history --json | jq '.revisions[].who'", "for scripts"],
      ),
    )
    .action(async (revision, options) => {
      context.needRoot("history");
      if (revision !== undefined && options.diff !== undefined) {
        throw new LbError("usage", "give either a revision, to print it, or --diff REVISION");
      }
      const store = await context.readStore(placesOf(options));
      try {
        await tell(store?.revisions, revision, options);
      } finally {
        store?.close();
      }
      end(EXIT_OK);
    });
}

interface HistoryOptions {
  readonly diff?: number | undefined;
  readonly limit: number;
  readonly json: boolean;
}

async function tell(
  revisions: Revisions | undefined,
  revision: number | undefined,
  { diff, limit, json }: HistoryOptions,
): Promise<void> {
  const report = await import("../lib/report/history.ts");
  const number = revision ?? diff;
  if (number === undefined) {
    const list = revisions?.summaries(limit) ?? [];
    const current = revisions?.latestApplied()?.revision;
    if (json) printJson(report.historyJson(list, current));
    else print(report.historyText(list, current, stdoutPaint()));
    return;
  }
  const found = find(revisions, number);
  if (revision !== undefined) {
    if (json) printJson(report.revisionJson(found));
    // As it was: the newline that ends it is the one that print adds.
    else print(found.config_text.replace(/\n$/, ""));
    return;
  }
  const change = { revision: found, before: revisions?.appliedBefore(number) };
  if (json) printJson(report.revisionDiffJson(change));
  else print(report.revisionDiffText(change, stdoutPaint()));
}

function find(revisions: Revisions | undefined, number: number): PlannedRevision {
  const found = revisions?.get(number);
  if (found) return found;
  const known = revisions?.summaries().map(({ revision }) => revision) ?? [];
  const range = known.length === 0
    ? "nothing was applied yet"
    : `"lb history" lists ${known.at(-1)} to ${known[0]}`;
  throw new LbError("usage", `there is no revision ${number}; ${range}`);
}
