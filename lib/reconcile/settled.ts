import { procSysMount } from "../capability/proc_sys.ts";
import { statefulRules } from "../capability/stateful.ts";
import { ENGINES } from "../engine/registry.ts";
import { addressResource } from "../host/address/address.ts";
import { HASTY_MS, observeWays } from "../host/neighbour/observe.ts";
import { sysctlResource } from "../host/sysctl/sysctl.ts";
import type { Address } from "../model/address.ts";
import { KernelError } from "../model/error.ts";
import type { EngineName } from "../model/service.ts";
import type { PlacedService } from "../model/state.ts";
import { isFollowed } from "./health/load.ts";
import { hostChanges, hostWant, planHost } from "./host.ts";
import { directBackends } from "./links.ts";
import type { Outcome } from "./outcome.ts";
import type { RunPlan } from "./plan.ts";
import { queueInputs } from "./queue.ts";
import type { Machine, Run } from "./request.ts";
import { enginesHere } from "./selection.ts";

/**
 * What a run does is a function of what it reads: the config, the machine's facts, the kernel. So where
 * none of that has changed since a run that left nothing to do, there is nothing to do, and that is told
 * without parsing the config or listing the table (architecture.md: "no change is recognised without
 * listing").
 */

/**
 * How long a digest stands in for a look at the kernel. The counters of new connections are added to
 * their totals only by a look, so this is also what is lost of them where somebody deletes the table.
 */
const SETTLED_MS_MAX = 10 * 60_000;

/** Whether it is so long ago that the kernel was read that its stamps alone are not to be believed. */
export function isLookDue(
  { store, kernel, host }: Pick<Machine, "store" | "kernel" | "host">,
): boolean {
  const age_ms = kernel.clock.now_ms() - (store.settled.get(host)?.at_ms ?? 0);
  return age_ms < 0 || age_ms > SETTLED_MS_MAX;
}

/** The stamps of all engines, in the registry's order. */
export type Stamps = ReadonlyMap<EngineName, string>;

/** @returns undefined where they tell nothing, or an engine cannot be asked: then only a real look tells */
export async function readStamps(machine: Machine): Promise<Stamps | undefined> {
  const { kernel, host } = machine;
  if (host.isReusable) return undefined;
  try {
    const stamps = enginesHere(machine)
      .map(async (engine) => [engine.name, await engine.stamp(kernel)] as const);
    return new Map(await Promise.all(stamps));
  } catch (error) {
    if (error instanceof KernelError) return undefined;
    throw error;
  }
}

/**
 * A digest of everything that a run for this config text reads.
 *
 * @param direct backends of its that are reached by their link address
 */
export async function inputsDigest(
  machine: Machine,
  text: string,
  stamps: Stamps,
  direct: readonly Address[],
): Promise<string> {
  const { kernel, store, host, facts, version } = machine;
  const journal = store.journal(host, () => kernel.clock.now_ms());
  const [sysctls, addresses] = [journal.open("sysctl"), journal.open("address")];
  const interfaces = addressResource.observe(kernel, addresses);
  // Asking keeps them fresh, too: a network card that was replaced is found out here.
  const ways = await observeWays(kernel, interfaces, direct, HASTY_MS);
  const inputs = [
    version,
    host,
    facts,
    [...stamps],
    // What a run that was cut off may have done takes a look to find out.
    ENGINES.map(({ name }) => store.commits.pending(name, host)),
    [...sysctlResource.observe(kernel, sysctls)],
    interfaces,
    ways,
    store.commits.get("ipvs", host) ? await statefulRules(kernel) : undefined,
    // A rollback may want the same config on other engines.
    heldText(store),
    sysctls.map(({ id }) => id),
    addresses.map(({ id, after }) => [id, after]),
    procSysMount(kernel.files),
    await queueInputs(machine),
    store.health.all().map(({ service, backend, state }) => [service, backend, state]),
    store.health.panics().map(({ service }) => service),
    store.intents.all().map(({ service, backend, intent, ended }) => [
      service,
      backend,
      intent,
      ended !== null,
    ]),
  ];
  return await sha256(`${JSON.stringify(inputs)}\n${await digestOf(text)}`);
}

/** Of the text it was asked for last: a run asks up to three times for the same one. */
let last: { readonly text: string; readonly digest: Promise<string> } | undefined;

function digestOf(text: string): Promise<string> {
  if (last?.text !== text) last = { text, digest: sha256(text) };
  return last.digest;
}

async function sha256(text: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return new Uint8Array(digest).toHex();
}

function heldText({ revisions }: Machine["store"]): string | undefined {
  const current = revisions.current();
  return current === undefined ? undefined : revisions.enginesText(current);
}

/** What is asked besides the config's text. */
export interface SettledRequest {
  /** Under which name warnings speak of the config. @default the revision in force */
  readonly file?: string;
  /** Puts nothing on record. */
  readonly dryRun: boolean;
}

/** What a run that left nothing to do had to report of a config, which it knew by that name. */
interface Known {
  readonly file: string;
  readonly outcome: Outcome;
  /** Backends whose links the digest covers: to know them from the text, it would have to be parsed. */
  readonly direct: readonly Address[];
  /**
   * Weights follow connections, or rules wait for the last: only who counts them can tell that nothing is
   * left to do. @default false
   */
  readonly counts?: boolean;
}

/** What there is to report where nothing has changed since a run that left nothing to do. */
export async function settledOutcome(
  machine: Machine,
  text: string,
  { file, dryRun }: SettledRequest,
): Promise<Outcome | undefined> {
  const { store, kernel, host } = machine;
  const settled = store.settled.get(host);
  const now_ms = kernel.clock.now_ms();
  if (!settled || isLookDue(machine)) return undefined;
  const known = parseKnown(settled.outcome_json);
  const stamps = await readStamps(machine);
  if (!known || known.counts || !stamps) return undefined;
  const digest = await inputsDigest(machine, text, stamps, known.direct);
  if (digest !== settled.digest) return undefined;
  // A pass it is, though without a look: what the last one repaired is in order by now.
  if (!dryRun && (store.passes.last()?.drift ?? 0) > 0) {
    store.passes.record({ at_ms: now_ms, drift: 0 });
  }
  const warnings = renamed(known, file ?? `revision ${known.outcome.revision}`);
  const nothing = { changed: false, changes: [], sysctls: [], drift: [], notes: [] };
  return { ...known.outcome, ...nothing, warnings };
}

/** Apply and reconcile know the same text under different names. */
function renamed({ file, outcome }: Known, name: string): string[] {
  return outcome.warnings.map((warning) =>
    warning.startsWith(`${file}:`) ? name + warning.slice(file.length) : warning
  );
}

/** Puts on record that a run found nothing to do. @param digest from before it looked */
export function recordSettled(
  { machine: { store, host }, request, now_ms }: Run,
  { tasks }: Pick<RunPlan, "tasks">,
  outcome: Outcome,
  digest: string,
): void {
  const { warnings, config } = request.loaded;
  const file = warnings[0]?.file ?? "";
  const counts = tasks.some(({ engine, state }) =>
    state.lingers || state.tracking?.awaits ||
    state.services.some((service) => isFollowed(engine, service) || isGrowing(service))
  );
  const known: Known = { file, outcome, direct: directBackends(config), counts };
  // A stamp is no look: time goes on from the last one.
  const isLook = tasks.every((task) => task.isLook);
  const at_ms = isLook ? now_ms : store.settled.get(host)?.at_ms ?? now_ms;
  store.settled.put(host, { at_ms, digest, outcome_json: JSON.stringify(known) });
}

/** Time alone changes its weights. */
function isGrowing({ backends }: PlacedService): boolean {
  return backends.some(({ slow_start }) => slow_start !== undefined);
}

/**
 * The same after a run that changed something, if nothing is left to do.
 *
 * @param before the stamps from before the run looked
 */
export async function settleAfterChange(
  run: Run,
  plan: RunPlan,
  outcome: Outcome,
  before: Stamps,
): Promise<void> {
  const { loaded } = run.request;
  const stamps = new Map([...before, ...run.stamps]);
  const direct = directBackends(loaded.config);
  const digest = await inputsDigest(run.machine, loaded.text, stamps, direct);
  // Planned after the digest was taken: what changes in between shows in one of the two.
  const left = planHost(
    run.machine,
    loaded.config,
    hostWant(loaded.config, run.engineOf, plan.watch.watched),
  );
  // A worker that did not start is tried again.
  const isQueueDone = plan.queue.changes.every((change) => run.done.has(change));
  if (isQueueDone && hostChanges(left).length === 0) recordSettled(run, plan, outcome, digest);
}

/** A cache that cannot be read is no cache. */
function parseKnown(json: string): Known | undefined {
  try {
    return { direct: [], ...JSON.parse(json) as Omit<Known, "direct"> };
  } catch {
    return undefined;
  }
}
