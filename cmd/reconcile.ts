import { EXIT_OK } from "../lib/model/error.ts";
import { change, printNothing, report } from "./change.ts";
import { context } from "./context.ts";
import { say } from "./io.ts";
import { type End, examples, lockingCommand, placesOf } from "./options.ts";

/** `lb reconcile` */
export function reconcileCommand(end: End) {
  return lockingCommand("reconcile")
    .summary("repair what drifted from the applied config: what cron runs")
    .description(
      "Compares the kernel with the config that was applied last, and repairs what differs. " +
        "Quiet when all is well. Edits of lb.toml wait for lb apply.",
    )
    .addHelpText(
      "after",
      examples(
        ["lb reconcile", "one pass; exit code 1 if something had to be repaired"],
        ["* * * * * root /usr/local/bin/lb reconcile", "in /etc/cron.d/lb"],
      ),
    )
    .action(async (options) => {
      context.needRoot("reconcile");
      const places = placesOf(options);
      const outcome = await change({
        places,
        lockTimeout_ms: options.lockTimeout,
        dryRun: false,
        text: ({ store }) => Promise.resolve(store.revisions.latestApplied()?.config_text),
        async target({ store }) {
          const { appliedConfig } = await import("./applied.ts");
          const loaded = await appliedConfig(store);
          return loaded && { loaded, command: "lb reconcile" };
        },
      });
      if (outcome) {
        return end(await report(outcome, { json: options.json, planned: false, quiet: true }));
      }
      if (options.json) await printNothing();
      else if (Deno.stderr.isTerminal()) say('Nothing was applied yet; "lb apply" does that.');
      end(EXIT_OK);
    });
}
