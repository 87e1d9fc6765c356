import type { LoadedConfig } from "../../lib/config/load.ts";
import { LbError } from "../../lib/model/error.ts";
import type { HealthChange } from "../../lib/model/health.ts";
import type { DrainResult, Removal } from "../../lib/reconcile/drain/drain.ts";
import type { Outcome } from "../../lib/reconcile/outcome.ts";
import type { Machine } from "../../lib/reconcile/request.ts";
import type { Store } from "../../lib/store/store.ts";
import { orBlocked } from "./change.ts";
import { context, type Places } from "../context.ts";

/** How a run that looks after drains works on. */
export interface DrainRun {
  readonly places: Places;
  readonly lockTimeout_ms: number;
  /** What is in force, for who has parsed it already. @default parses it */
  readonly load?: (store: Store) => Promise<LoadedConfig | undefined>;
}

/**
 * What comes after every run that changes something, with the lock held: drains that are over end,
 * and backends whose time is over leave the config. Most runs have none, and nothing is loaded for them.
 */
export async function lookAfterDrains(
  machine: Machine,
  outcome: Outcome,
  run: DrainRun,
): Promise<Outcome> {
  if (machine.store.intents.isIdle()) return outcome;
  return await orBlocked(outcome, async () => {
    const load = run.load ?? (await import("../shared/applied.ts")).appliedConfig;
    const loaded = await load(machine.store);
    return loaded ? await lookAfter(machine, outcome, loaded, run) : outcome;
  });
}

async function lookAfter(
  machine: Machine,
  outcome: Outcome,
  loaded: LoadedConfig,
  run: DrainRun,
): Promise<Outcome> {
  const { drainPass } = await import("../../lib/reconcile/drain/drain.ts");
  const result = await drainPass(machine, loaded.config);
  const notes = [...outcome.notes, ...result.notes];
  const told = await withChanges({ ...outcome, notes }, result.changes, machine);
  const sum = await orBlocked(told, () => clearAway(machine, told, loaded, result, run));
  // A revision on top of one that is on trial would be in its way: they leave when that is over.
  const removals = machine.store.trials.open() ? [] : result.removals;
  if (removals.length === 0) return sum;
  return await orBlocked(sum, () => removeAll(machine, sum, removals, run));
}

/** Engines first; both ends hear of a cut whatever becomes of that. */
async function clearAway(
  machine: Machine,
  told: Outcome,
  loaded: LoadedConfig,
  { hasEnded, finish }: DrainResult,
  run: DrainRun,
): Promise<Outcome> {
  try {
    return hasEnded ? await rerun(machine, told, loaded, "lb reconcile", run) : told;
  } finally {
    await finish();
  }
}

/** Adds what has changed of backends. */
export async function withChanges(
  outcome: Outcome,
  changes: readonly HealthChange[],
  machine: Machine,
): Promise<Outcome> {
  if (changes.length === 0) return outcome;
  const { withHealth } = await import("../../lib/reconcile/health/health.ts");
  return withHealth({ ...outcome, health: [...outcome.health ?? [], ...changes] }, [], machine);
}

/**
 * Backends whose drain is over leave the file, then the config in force. Where the file cannot be edited just now
 * they stay in both, without connections: the next apply would bring them back. Each pass tries it anew.
 */
async function removeAll(
  machine: Machine,
  outcome: Outcome,
  removals: readonly Removal[],
  run: DrainRun,
): Promise<Outcome> {
  const { parseConfig } = await import("../../lib/config/load.ts");
  const latest = machine.store.revisions.latestApplied()!;
  const applied = latest.config_text;
  const text = await orStay(removals, "", () => without(applied, removals));
  const why = ", for the file cannot be edited";
  await orStay(removals, why, () => removeFromFile(run.places, removals, applied));
  const loaded = await parseConfig(text, `revision ${latest.revision}`);
  return await rerun(machine, outcome, loaded, commandOf(removals), run);
}

/** Engines have something to clear away. @returns both runs as one */
async function rerun(
  machine: Machine,
  outcome: Outcome,
  loaded: LoadedConfig,
  command: string,
  { lockTimeout_ms: patience_ms }: DrainRun,
): Promise<Outcome> {
  const [{ reconcile }, { sumOf }] = await Promise.all([
    import("../../lib/reconcile/reconcile.ts"),
    import("../../lib/reconcile/outcome.ts"),
  ]);
  const how = { who: context.who(), command, dryRun: false, patience_ms };
  const after = await reconcile(machine, { loaded, ...how });
  const routine = after.routine && (outcome.routine || !outcome.changed);
  const blocked = [...new Set([...outcome.blocked, ...after.blocked])];
  return { ...sumOf(outcome, after), routine, blocked };
}

/** The file comes before the kernel; of the two, an operator may have edited the file meanwhile. */
async function removeFromFile(
  places: Places,
  removals: readonly Removal[],
  applied: string,
): Promise<void> {
  const found = await context.readConfig(places);
  const text = found === applied
    ? await without(applied, removals)
    : await withoutThose(found, removals, places.config);
  if (text !== found) context.files.replace(places.config, text);
}

/** @param why they stay, as far as that is known before it is tried @throws {LbError} which names them */
async function orStay<T>(
  removals: readonly Removal[],
  why: string,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const code = error instanceof LbError ? error.code : "not-permitted";
    const message = `${namesOf(removals)}: drained, and still in the config${why}: ${reason}`;
    throw new LbError(code, message, { cause: error });
  }
}

/** @throws {LbError} as `editConfig` of lib/config/edit/edit.ts */
export async function without(
  text: string,
  removals: readonly Removal[],
  file?: string,
): Promise<string> {
  if (removals.length === 0) return text;
  const { editConfig } = await import("../../lib/config/edit/edit.ts");
  const byService = Map.groupBy(removals, ({ service }) => service);
  for (const some of byService.values()) {
    const edits = some.map((one) => ({ kind: "remove" as const, ...one }));
    text = (await editConfig(text, edits, file)).text;
  }
  return text;
}

/** The same of a file from which somebody may have taken some of them already. */
async function withoutThose(
  text: string,
  removals: readonly Removal[],
  file: string,
): Promise<string> {
  for (const removal of removals) {
    try {
      text = await without(text, [removal], file);
    } catch (error) {
      if (!(error instanceof LbError && error.code === "usage")) throw error;
    }
  }
  return text;
}

function commandOf(removals: readonly Removal[]): string {
  return `lb scale --remove (drained): ${namesOf(removals)}`;
}

function namesOf(removals: readonly Removal[]): string {
  return removals.map(({ service, address, port }) =>
    `${service} ${address.text}${port === undefined ? "" : ` port ${port}`}`
  ).join(", ");
}
