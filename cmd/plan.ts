import { applyConfig } from "./apply.ts";
import { report } from "./change/change.ts";
import { context } from "./context.ts";
import { type End, examples, lockingCommand, placesOf } from "./shared/options.ts";

/** `lb plan` */
export function planCommand(end: End) {
  return lockingCommand("plan")
    .summary("what lb apply would change, and what becomes of connections")
    .description(
      'Prints what "lb apply" would change, and what that would do to connections; the same as ' +
        '"lb apply --plan". Changes nothing.',
    )
    .option("--migrate", "with services moved to the engines that are best for them now", false)
    .addHelpText(
      "after",
      examples(
        ["lb plan", "what lb apply would change"],
        ["lb plan --migrate", "what would move, and what becomes of connections"],
        ["lb plan --json | jq .impact", "for scripts"],
      ),
    )
    .action(async (options) => {
      context.needRoot("plan");
      const { lockTimeout: lockTimeout_ms, migrate, json } = options;
      const how = { lockTimeout_ms, plan: true, migrate };
      const outcome = await applyConfig(placesOf(options), how);
      end(await report(outcome, { json, planned: true }));
    });
}
