import { EXIT_OK } from "../lib/model/error.ts";
import type { Outcome } from "../lib/reconcile/outcome.ts";
import { change, report } from "./change.ts";
import { context, type Places } from "./context.ts";
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
      const { json } = options;
      // A state that is empty would only hide that there was none.
      const outcome = context.hasState(places) && await change({
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
      const told = { json, planned: false, quiet: true };
      if (outcome) return end(await report(outcome, told));
      const exitCode = await report(await nothingInForce(places), told);
      if (exitCode === EXIT_OK && !json && Deno.stderr.isTerminal()) {
        say('Nothing was applied yet; "lb apply" does that.');
      }
      end(exitCode);
    });
}

async function nothingInForce(places: Places): Promise<Outcome> {
  const [{ NOTHING_IN_FORCE }, { unrecordedRules }] = await Promise.all([
    import("../lib/report/outcome.ts"),
    import("./leftover.ts"),
  ]);
  return { ...NOTHING_IN_FORCE, blocked: await unrecordedRules(places) };
}
