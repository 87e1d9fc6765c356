import type { LoadedConfig } from "../../lib/config/load.ts";
import type { Store } from "../../lib/store/store.ts";

/** Reads what is in force, for who looks again and again: it is parsed when it is another text than before. */
export function appliedOnce(): (store: Store) => Promise<LoadedConfig | undefined> {
  let known: LoadedConfig | undefined;
  return async (store) => {
    if (known?.text === store.revisions.latestApplied()?.config_text) return known;
    const { appliedConfig } = await import("./applied.ts");
    return known = await appliedConfig(store);
  };
}
