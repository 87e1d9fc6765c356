import { LbError } from "../lib/model/error.ts";
import type { Outcome } from "../lib/reconcile/outcome.ts";
import type { Store } from "../lib/store/store.ts";
import { report } from "./change/change.ts";
import { backupPath } from "./change/backup.ts";
import { confirmed } from "./change/trial.ts";
import { changeConfig, type NewConfig } from "./change/config_change.ts";
import { context, type Places } from "./context.ts";
import { type End, examples, lockingCommand, parseRevision, placesOf } from "./shared/options.ts";

/** `lb rollback` */
export function rollbackCommand(end: End) {
  return lockingCommand("rollback")
    .summary("back to an earlier applied revision")
    .description(
      "Writes the config of an earlier revision to lb.toml and applies it, as a revision of its own, " +
        "on the engines that its services had. " +
        "Established connections are not touched, unless services move. Edits that were never applied are kept beside " +
        "the file, in lb.toml.before-rollback (the next ones in .2, .3 and so on).",
    )
    .argument("[revision]", "its number in lb history (default: the one before)", parseRevision)
    .option("--plan", "print what would change, and change nothing", false)
    .addHelpText(
      "after",
      examples(
        ["lb rollback --plan", "what would change"],
        ["lb rollback", "back to what was applied before; once more: forth again"],
        ["lb rollback 12", "back to revision 12 of lb history"],
      ),
    )
    .action(async (revision, options) => {
      context.needRoot("rollback");
      const { lockTimeout: lockTimeout_ms, plan: dryRun } = options;
      const outcome = await rollBack(placesOf(options), revision, { lockTimeout_ms, dryRun });
      end(await report(outcome, { json: options.json, planned: dryRun }));
    });
}

async function rollBack(
  places: Places,
  revision: number | undefined,
  options: { readonly lockTimeout_ms: number; readonly dryRun: boolean },
): Promise<Outcome> {
  if (!context.files.stat(places.state)) {
    throw new LbError("usage", `nothing was applied yet: there is no state in ${places.state}`);
  }
  const notes: string[] = [];
  const outcome = await changeConfig({
    places,
    ...options,
    config: ({ store }) => earlierConfig(store, revision, places, notes),
    after: async (machine, outcome) => {
      const { lookAfterDrains } = await import("./change/drains.ts");
      const { lockTimeout_ms } = options;
      return await lookAfterDrains(machine, confirmed(machine, outcome), {
        places,
        lockTimeout_ms,
      });
    },
  });
  return { ...outcome, notes: [...notes, ...outcome.notes] };
}

async function earlierConfig(
  store: Store,
  revision: number | undefined,
  places: Places,
  notes: string[],
): Promise<NewConfig> {
  const [{ parseConfig }, { rollbackTarget }, { describeRevision }] = await Promise.all([
    import("../lib/config/load.ts"),
    import("../lib/reconcile/rollback.ts"),
    import("../lib/report/history.ts"),
  ]);
  // Of several on top of each other none was confirmed.
  const wanted = revision ?? store.trials.open()?.back_to ?? undefined;
  const target = rollbackTarget(store.revisions, wanted);
  const loaded = await parseConfig(target.config_text, `revision ${target.revision}`);
  notes.push(`the config of ${describeRevision(target)}`);
  const edits = await context.peekConfig(places);
  const isOnRecord = (text: string) => store.revisions.holdText(text);
  const backup = edits === undefined
    ? undefined
    : backupPath(context.files, places.config, edits, isOnRecord);
  if (backup) notes.push(`${places.config} has edits that were never applied: kept in ${backup}`);
  const held = store.revisions.engines(target.revision);
  return { loaded, command: `lb rollback ${target.revision}`, backup, held };
}
