import type { Config } from "../model/settings.ts";
import { checkAll } from "./check.ts";
import type { DraftFile } from "./draft.ts";
import type { Reading } from "./leaf.ts";
import type { Table } from "./parse.ts";
import type { Problem } from "./problem.ts";
import { resolve } from "./resolve.ts";
import { FILE } from "./schema.ts";

/** What became of a parsed file: a config unless there is an error among the problems. */
export interface Validated {
  readonly config?: Config;
  readonly problems: readonly Problem[];
}

/** Checks a whole parsed file and finds every problem in it, never only the first. Pure. */
export function validate(document: Table): Validated {
  const reading: Reading = { path: [], problems: [] };
  const file = FILE.read(document, reading);
  const draft: DraftFile = file ?? {};
  const problems = [...reading.problems, ...checkAll(draft)];
  const refused = problems.some(({ severity }) => severity === "error");
  return file && !refused ? { config: resolve(file), problems } : { problems };
}
