import { type LoadedConfig, parseConfig } from "../../lib/config/load.ts";
import type { Store } from "../../lib/store/store.ts";

/**
 * The config that was applied last, as it was then. Repairing goes by this one and not by the file,
 * which somebody may be in the middle of editing when cron runs.
 */
export async function appliedConfig(store: Store): Promise<LoadedConfig | undefined> {
  const latest = store.revisions.latestApplied();
  return latest && await parseConfig(latest.config_text, `revision ${latest.revision}`);
}
