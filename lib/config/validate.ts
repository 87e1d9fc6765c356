import * as v from "valibot";
import type { Config } from "../model/settings.ts";
import { checkAll } from "./check.ts";
import { draftOf } from "./draft.ts";
import { splitMessage } from "./leaf.ts";
import type { Table } from "./parse.ts";
import { type Problem, withKey } from "./problem.ts";
import { resolve } from "./resolve.ts";
import { FILE } from "./schema.ts";

/** What became of a parsed file: a config unless there is an error among the problems. */
export interface Validated {
  readonly config?: Config;
  readonly problems: readonly Problem[];
}

/** Checks a whole parsed file and finds every problem in it, never only the first. Pure. */
export function validate(document: Table): Validated {
  const result = v.safeParse(FILE, document);
  const unreadable = (result.issues ?? []).map(problemOf);
  if (!result.success) {
    const draft = draftOf(result.output, unreadable.map(({ path }) => path));
    return { problems: [...unreadable, ...checkAll(draft)] };
  }
  const problems = checkAll(result.output);
  const refused = problems.some(({ severity }) => severity === "error");
  return refused ? { problems } : { config: resolve(result.output), problems };
}

function problemOf(issue: v.BaseIssue<unknown>): Problem {
  const path = (issue.path ?? []).map(({ key }) => typeof key === "number" ? key : String(key));
  const { message, hint } = splitMessage(issue.message);
  const aboutKey = issue.path?.at(-1)?.origin === "key";
  return {
    severity: "error",
    path,
    at: aboutKey ? "key" : "value",
    message: aboutKey ? message : withKey(path, message),
    hint,
  };
}
