import { conntrackFill } from "../../lib/capability/conntrack_fill.ts";
import type { LoadedConfig } from "../../lib/config/load.ts";
import { formatEndpoint } from "../../lib/model/address.ts";
import { LbError } from "../../lib/model/error.ts";
import type { Status } from "../../lib/reconcile/status.ts";
import type { Store } from "../../lib/store/store.ts";
import { context, type Places } from "../context.ts";
import type { readFacts } from "./machine.ts";
import { VERSION } from "./version.ts";

/** What a look need not find out anew each time. */
export interface Known {
  readonly loaded: (store: Store) => Promise<LoadedConfig | undefined>;
  readonly facts: typeof readFacts;
}

/**
 * The state of everything.
 *
 * @param store undefined where there is none
 * @param known @default finds out everything
 */
export async function currentStatus(
  places: Places,
  store: Store | undefined,
  known?: Known,
): Promise<Status> {
  const status = store ? await statusOf(store, places, known) : nothingApplied();
  if (status.revision !== null) return status;
  const { unrecordedRules } = await import("./leftover.ts");
  return { ...status, blocked: await unrecordedRules(places) };
}

/** Where there is no state. */
function nothingApplied(): Status {
  return {
    version: VERSION,
    revision: null,
    applied_at_ms: null,
    drift_last_pass: 0,
    last_pass_at_ms: null,
    skipped_passes: 0,
    drifted: [],
    blocked: [],
    config_edited: false,
    notes: [],
    services: [],
    conntrack: conntrackFill(context.files),
  };
}

/** What it takes is loaded at once, and only where there is a state. */
async function statusOf(store: Store, places: Places, known?: Known): Promise<Status> {
  const [{ appliedConfig }, { readFacts }, { readStatus }] = await Promise.all([
    import("./applied.ts"),
    import("./machine.ts"),
    import("../../lib/reconcile/status.ts"),
  ]);
  const kernel = context.kernel(places);
  const host = context.hostIdentity();
  // While nft is asked for its version, the config is parsed.
  const [facts, loaded] = store.revisions.latestApplied()
    ? await Promise.all([
      (known?.facts ?? readFacts)(kernel, store, host),
      (known?.loaded ?? appliedConfig)(store),
    ])
    : [];
  const applied = loaded && facts && { loaded, facts };
  const about = await configFound(places);
  const worker = context.worker(kernel);
  const onlooker = { kernel, store, host, version: VERSION, worker };
  const status = await readStatus(onlooker, applied, about);
  return { ...status, blocked: [...status.blocked, ...removalsDue(status)] };
}

/** Whose drain is over leaves with the run that ends it, unless something stands in the way. */
function removalsDue({ services }: Status): string[] {
  return services.flatMap(({ service, backends }) =>
    backends.filter(({ drain }) => drain?.removes && drain.ended !== null).map(({ backend }) =>
      `${service.name} ${
        formatEndpoint(backend.address, backend.port)
      }: drained, and still in the ` +
      'config; "lb reconcile" takes it out, or says what is in the way'
    )
  );
}

/** What is in force is told whatever has become of the file. */
async function configFound(
  places: Places,
): Promise<{ readonly config_text: string } | { readonly config_trouble: string }> {
  try {
    const config_text = await context.peekConfig(places);
    if (config_text !== undefined) return { config_text };
    return { config_trouble: `there is no ${places.config}` };
  } catch (error) {
    if (error instanceof LbError) return { config_trouble: error.message };
    throw error;
  }
}
