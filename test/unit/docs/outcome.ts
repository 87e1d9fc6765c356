import { parseConfig } from "../../../lib/config/load.ts";
import { LbError } from "../../../lib/model/error.ts";
import { selectAll } from "../../../lib/reconcile/selection.ts";

/** What becomes of a config: `works`, or the exit code's name. */
export async function outcomeOf(text: string): Promise<string> {
  try {
    await selectAll(await parseConfig(text, "lb.toml"), { kernel: "", capabilities: [] });
    return "works";
  } catch (error) {
    return error instanceof LbError ? error.code : `${error}`;
  }
}
