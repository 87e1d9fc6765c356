import { unusedEngines } from "../capability/unused.ts";
import { StalePlanError } from "../engine/engine.ts";
import { formatPrefix } from "../model/address.ts";
import { InForceError, KernelError, LbError } from "../model/error.ts";
import type { HealthChange } from "../model/health.ts";
import { carryOut, loadModules } from "./carry_out.ts";
import { isUnknown } from "./drift.ts";
import { checkNew, forgetUnchecked, withHealth } from "./health/health.ts";
import { countLoads } from "./health/measure.ts";
import { isHostBehind } from "./host.ts";
import { refuseUnsafePrograms } from "./health/programs.ts";
import { impactOf } from "./impact.ts";
import { directBackends } from "./links.ts";
import type { ViewOptions } from "./memory.ts";
import { betterNotes } from "./move.ts";
import type { Outcome } from "./outcome.ts";
import { planRun, type RunPlan } from "./plan.ts";
import { failRevision, recordQuietPass, saveCounters } from "./record.ts";
import type { Machine, Progress, ReconcileRequest, Run } from "./request.ts";
import { heldEngines, selectAll } from "./selection.ts";
import {
  inputsDigest,
  isLookDue,
  readStamps,
  recordSettled,
  settleAfterChange,
} from "./settled.ts";

/** Who changes nftables in a burst is done a little later. */
const RETRY_PAUSE_MS = 20;

/**
 * The one path from the config to the kernel: observe, plan, apply, observe again, record. Every command
 * that changes anything ends here; removal is the same path towards a config without services.
 *
 * @throws {LbError} `unsupported` before anything is changed, `kernel-refused` with what still stands
 */
export async function reconcile(machine: Machine, request: ReconcileRequest): Promise<Outcome> {
  const { clock } = machine.kernel;
  refuseUnsafePrograms(machine, request.loaded);
  const engineWas = heldEngines(machine.store);
  const chosen = await selectAll(request.loaded, machine.facts, request.held ?? engineWas);
  const deadline_ms = clock.now_ms() + request.patience_ms;
  const progress: Progress = { drift: new Set(), marks: new Map(), changes: [], sysctls: [] };
  const health = request.dryRun ? [] : await lookAround(machine, request, chosen);
  for (;;) {
    try {
      const outcome = await attempt(newRun(machine, request, { chosen, engineWas, progress }));
      if (!outcome) continue;
      if (!request.dryRun) forgetUnchecked(machine, request.loaded.config);
      return withHealth(outcome, health, machine);
    } catch (error) {
      if (!(error instanceof StalePlanError)) throw error;
      progress.hasLanded ||= error.hasLanded;
      if (clock.now_ms() >= deadline_ms) throw giveUp(machine, request, progress, error);
      await clock.sleep(RETRY_PAUSE_MS);
    }
  }
}

/** What is found out once a run, however often it plans. @returns what has changed of health */
async function lookAround(
  machine: Machine,
  { loaded: { config } }: ReconcileRequest,
  chosen: Run["chosen"],
): Promise<readonly HealthChange[]> {
  const changes = await checkNew(machine, config);
  countLoads(machine, config, new Map(chosen.map(({ name, engine }) => [name, engine])));
  return changes;
}

/**
 * One look at the kernel and one try. A stale plan ends it, and the next one starts anew.
 *
 * @returns undefined where there is more to be seen now
 */
async function attempt(run: Run): Promise<Outcome | undefined> {
  const { machine, request } = run;
  // A plan records nothing, and loads nothing either.
  const stamps = request.dryRun ? undefined : await readStamps(machine);
  const direct = directBackends(request.loaded.config);
  const digest = stamps && await inputsDigest(machine, request.loaded.text, stamps, direct);
  const unused = request.dryRun ? await unusedEngines(machine.kernel) : undefined;
  const plan = await planWithLook(run, unused);
  const told = (outcome: Outcome) => ({
    ...outcome,
    warnings: [...outcome.warnings, ...takeovers(run, plan)],
    ...outcome.notes.length > 0 && { news: outcome.notes },
    notes: [...outcome.notes, ...plan.host.notes, ...betterNotes(run.chosen)],
  });
  if (request.dryRun) return told({ ...plan.outcome, impact: impactOf(run, plan) });
  if (await loadModules(run, plan)) return undefined;
  const isDue = plan.outcome.changed || isHostBehind(plan.host) ||
    plan.tasks.some(({ isRecordBehind }) => isRecordBehind);
  if (!isDue && isNothingAsked(run)) return told({ ...plan.outcome, revision: null });
  if (isDue || plan.target.isNew) {
    noteTakeOver(run, plan);
    const outcome = await carryOut(run, plan);
    if (stamps) await settleAfterChange(run, plan, outcome, stamps);
    return told(outcome);
  }
  saveCounters(run, plan);
  recordQuietPass(run, plan);
  if (digest) recordSettled(run, plan, plan.outcome, digest);
  return told(plan.outcome);
}

/** Where nothing was ever applied, nothing is no revision. */
function isNothingAsked({ machine: { store }, request, progress }: Run): boolean {
  return request.loaded.text === "" && progress.begun === undefined &&
    !store.revisions.latestApplied();
}

/** What is replaced may be another lb's that is at work here: left and owned look the same. */
function takeovers(run: Run, plan: RunPlan): string[] {
  const goes = run.request.dryRun ? "would go" : "are gone";
  return takenOver(run, plan).map(({ engine }) =>
    `${engine.name}: there are rules that nothing on record here tells of; services in them that this ` +
    `config does not have ${goes}. If another lb (with its state elsewhere) owns them, give it ` +
    "a network namespace of its own"
  );
}

/** Engines whose rules nothing on record tells of; none where they are only removed. */
function takenOver({ request }: Run, { tasks }: RunPlan): RunPlan["tasks"] {
  if (request.loaded.config.services.length === 0) return [];
  return tasks.filter(({ have, memory }) => isUnknown(have, memory));
}

/** Whoever made these rules has placed addresses and set sysctls, too: those are in no journal, for as long as they last. */
function noteTakeOver(run: Run, plan: RunPlan): void {
  if (takenOver(run, plan).length === 0) return;
  const { machine: { store, host }, request: { loaded: { config } }, now_ms } = run;
  const placed = config.services.filter(({ vip_on }) => vip_on !== "none");
  const vips = [...new Set(placed.flatMap(({ vip }) => vip.map(formatPrefix)))];
  store.takeOvers.note(host, { at_ms: now_ms, vips });
}

/**
 * A plan from what is on record where the kernel is untouched since, as far as its stamp tells. Where that
 * leaves nothing to do, and nobody has read the kernel for a while, it is read after all.
 */
async function planWithLook(run: Run, unused: ViewOptions["unused"]): Promise<RunPlan> {
  const plan = await planRun(run, { unused });
  const isEnough = plan.outcome.changed || plan.tasks.every(({ isLook }) => isLook) ||
    !isLookDue(run.machine);
  return isEnough ? plan : await planRun(run, { unused, mustLook: true });
}

function newRun(
  machine: Machine,
  request: ReconcileRequest,
  { chosen, engineWas, progress }: Pick<Run, "chosen" | "engineWas" | "progress">,
): Run {
  const engineOf = new Map(chosen.map(({ name, engine }) => [name, engine]));
  const now_ms = machine.kernel.clock.now_ms();
  return {
    machine,
    request,
    chosen,
    engineOf,
    engineWas,
    progress,
    now_ms,
    notes: [],
    blocked: [],
    done: new Set(),
    stamps: new Map(),
  };
}

function giveUp(
  machine: Machine,
  request: ReconcileRequest,
  { begun, hasLanded }: Progress,
  error: StalePlanError,
): LbError {
  const final = new LbError("kernel-refused", giveUpWords(request, error), { cause: error });
  if (begun !== undefined) failRevision(machine, begun, final);
  return hasLanded ? new InForceError(final) : final;
}

/** What holds an engine's objects, and how to see who else is at them. */
const HELD_IN = {
  nft: { name: "nftables", part: "the table", watch: '"nft monitor" tells who' },
  ipvs: { name: "IPVS", part: "IPVS", watch: '"watch ipvsadm -Ln" shows what' },
} as const;

/** nf_tables has one errno for a table that changed and for an expression it does not know. */
function giveUpWords(
  { patience_ms, command }: ReconcileRequest,
  { message, cause, engine }: StalePlanError,
): string {
  const { name, part, watch } = HELD_IN[engine === "ipvs" ? "ipvs" : "nft"];
  const seconds = patience_ms / 1000;
  const again = `then run "${command}" again`;
  if (!(cause instanceof KernelError)) {
    return `${name} was changed by somebody else again and again for ${seconds} s (${message}); ` +
      `find out who (${watch}), ${again}`;
  }
  return `${cause.message}\nTried again for ${seconds} s, against what the kernel held each time. ` +
    `Either somebody else changes ${part} all the time (${watch}), or this kernel ` +
    `lacks what the rules need ("lb doctor" tells what); ${again}.`;
}
