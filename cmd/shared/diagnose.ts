import { ConfigError, formatDiagnostics } from "../../lib/config/diagnostic.ts";
import { formatPrefix, type Prefix } from "../../lib/model/address.ts";
import { LbError } from "../../lib/model/error.ts";
import { JOURNAL_RESOURCES } from "../../lib/model/journal.ts";
import type { Config } from "../../lib/model/settings.ts";
import type { Diagnosis, Findings } from "../../lib/reconcile/diagnosis.ts";
import type { BackendReport } from "../../lib/report/backend.ts";
import type { Kernel } from "../../lib/sys/ports.ts";
import type { Facts } from "../../lib/capability/facts.ts";
import { context, type Places } from "../context.ts";
import { appliedConfig } from "./applied.ts";

/** Probes the machine anew, and holds it against the config if there is one. */
export async function diagnose(places: Places): Promise<Diagnosis> {
  const [{ detect }, { lookAround }, { diagnoseMachine }] = await Promise.all([
    import("../../lib/capability/detect.ts"),
    import("../../lib/capability/surroundings.ts"),
    import("../../lib/reconcile/diagnosis.ts"),
  ]);
  const kernel = context.kernel(places);
  const [facts, around] = [await detect(kernel), await lookAround(kernel)];
  if (context.isRoot()) {
    const { keepFacts } = await import("./machine.ts");
    await keepFacts(places, facts);
  }
  const { config, problems } = await readableConfig(places);
  const past = await readPast(places);
  const worker = context.isRoot() ? await askWorker(kernel) : undefined;
  const ports = await portsInUse(places, facts);
  return diagnoseMachine(kernel, { facts, around, config, problems, worker, ports, ...past });
}

/** Connections are counted only where each takes a port. What cannot be read is for lb status to tell. */
async function portsInUse(places: Places, facts: Facts): Promise<Findings["ports"]> {
  const store = context.isRoot() ? await context.readStore(places) : undefined;
  if (!store) return undefined;
  try {
    const loaded = await appliedConfig(store);
    if (!loaded?.config.services.some(({ masquerade }) => masquerade)) return undefined;
    const [{ currentStatus }, { portUses }] = await Promise.all([
      import("./current_status.ts"),
      import("../../lib/reconcile/source_ports.ts"),
    ]);
    const known = { loaded: () => Promise.resolve(loaded), facts: () => Promise.resolve(facts) };
    return portUses((await currentStatus(places, store, known)).services);
  } catch (error) {
    if (error instanceof LbError) return undefined;
    throw error;
  } finally {
    store.close();
  }
}

async function askWorker(kernel: Kernel): Promise<Findings["worker"]> {
  const { reportWorker } = await import("../../lib/reconcile/queue.ts");
  return await reportWorker({ kernel, worker: context.worker(kernel) });
}

/**
 * Holds this machine against what a backend with `forward = "dr"` must have set.
 *
 * @param named the VIPs; none: those that the config has for such services
 * @throws {LbError} `usage` where there are none
 */
export async function diagnoseBackend(
  places: Places,
  named: readonly Prefix[],
): Promise<BackendReport> {
  const [{ checkBackend }, { observeBackend }] = await Promise.all([
    import("../../lib/host/backend/check.ts"),
    import("../../lib/host/backend/observe.ts"),
  ]);
  const vips = named.length > 0 ? named : await directVips(places);
  const machine = observeBackend(context.kernel(places), vips);
  return { vips, checks: checkBackend(vips, machine) };
}

async function directVips(places: Places): Promise<readonly Prefix[]> {
  const isThere = context.files.stat(places.config) !== undefined;
  const services = isThere ? (await context.loadConfig(places)).config.services : [];
  const vips = services.filter(({ forward }) => forward === "dr").flatMap(({ vip }) => vip);
  if (vips.length > 0) return [...new Map(vips.map((vip) => [formatPrefix(vip), vip])).values()];
  const why = isThere
    ? `no service of ${places.config} has forward = "dr"`
    : "there is no config here";
  throw new LbError("usage", `${why}: name the VIPs, as in "lb doctor --backend 203.0.113.10"`);
}

/** A config that cannot be used is one more thing to tell of, beside what the machine is like. */
async function readableConfig(
  places: Places,
): Promise<{ readonly config?: Config; readonly problems: readonly string[] }> {
  if (!context.files.stat(places.config)) return { problems: [] };
  try {
    return { config: (await context.loadConfig(places)).config, problems: [] };
  } catch (error) {
    if (!(error instanceof LbError)) throw error;
    const problems = error instanceof ConfigError
      ? error.diagnostics.map((one) => formatDiagnostics([one], false))
      : [error.message];
    return { problems };
  }
}

/**
 * What lb has changed and not put back, and which engines services are on; nothing for somebody who may not
 * read the state.
 */
async function readPast(places: Places): Promise<Pick<Findings, "journal" | "held" | "watched">> {
  const [{ heldEngines, NOTHING_HELD }, { committedTracking }] = await Promise.all([
    import("../../lib/reconcile/selection.ts"),
    import("../../lib/reconcile/tracking.ts"),
  ]);
  const store = context.isRoot() ? await context.readStore(places) : undefined;
  if (!store) return { journal: [], held: NOTHING_HELD };
  try {
    const journal = store.journal(context.hostIdentity(), () => context.clock.now_ms());
    const open = JOURNAL_RESOURCES.flatMap((resource) => journal.open(resource));
    const tracking = committedTracking({ store, host: context.hostIdentity() });
    return { journal: open, held: heldEngines(store), watched: tracking?.watched };
  } finally {
    store.close();
  }
}
