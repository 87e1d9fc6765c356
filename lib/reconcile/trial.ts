import { type LoadedConfig, parseConfig } from "../config/load.ts";
import { backWords, type Trial } from "../model/trial.ts";
import type { Outcome } from "./outcome.ts";
import { reconcile } from "./reconcile.ts";
import { intentsBefore } from "./record.ts";
import type { Machine } from "./request.ts";

/**
 * Brings back what was in force before the trial, as a revision of its own. The config file stays: it has the work
 * of whoever tried it.
 *
 * @throws {LbError} as {@linkcode reconcile}; the trial stays on record then, and passes try it anew
 */
export async function takeBack(
  machine: Machine,
  trial: Trial,
  how: { readonly who: string; readonly patience_ms: number },
): Promise<Outcome> {
  const { revisions } = machine.store;
  const { revision, back_to } = trial;
  const loaded = await configBefore(machine, trial);
  const held = back_to === null ? undefined : revisions.engines(back_to);
  const command = `lb apply --confirm (revision ${revision} was not confirmed)`;
  // It may be tried every second: the history is not for that.
  revisions.forgetFailed(command);
  machine.store.intents.put(intentsBefore(machine.store));
  const asked = { loaded, command, dryRun: false, held, reverts: trial };
  const outcome = await reconcile(machine, { ...asked, ...how });
  record(machine, trial);
  return outcome;
}

async function configBefore({ store }: Machine, { back_to }: Trial): Promise<LoadedConfig> {
  const text = back_to === null ? "" : store.revisions.get(back_to)!.config_text;
  return await parseConfig(text, `revision ${back_to ?? 0}`);
}

function record({ store, kernel: { clock } }: Machine, trial: Trial): void {
  const at_ms = clock.now_ms();
  const message = `revision ${trial.revision} was not confirmed: back ${backWords(trial)}`;
  store.transaction(() => {
    store.trials.end();
    store.events.add({ at_ms, kind: "apply", message });
  });
}
