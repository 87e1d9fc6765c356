import { change, report } from "./change.ts";
import { context, type Places } from "./context.ts";
import { type End, examples, lockingCommand, placesOf } from "./options.ts";

/** `lb apply` */
export function applyCommand(end: End) {
  return lockingCommand("apply")
    .summary("bring the kernel to the config")
    .description("Brings the kernel to the config. Needs no earlier init; safe to run again.")
    .option("--plan", "print what would change, and change nothing", false)
    .addHelpText(
      "after",
      examples(
        ["lb apply --plan", "what would change"],
        ["lb apply", "do it"],
        ["lb apply --json | jq .changes", "for scripts"],
      ),
    )
    .action(async (options) => {
      context.needRoot("apply");
      const places = placesOf(options);
      await refuseEarly(places);
      const outcome = await change({
        places,
        lockTimeout_ms: options.lockTimeout,
        dryRun: options.plan,
        // Read with the lock held: another lb may be editing the file just now.
        text: () => context.readConfig(places),
        file: places.config,
        async target(_machine, text) {
          const { parseConfig } = await import("../lib/config/load.ts");
          return { loaded: await parseConfig(text!, places.config), command: "lb apply" };
        },
      });
      end(await report(outcome!, { json: options.json, planned: options.plan }));
    });
}

/** What is wrong with the config of a first apply is said before a state is made for it. */
async function refuseEarly(places: Places): Promise<void> {
  const text = await context.readConfig(places);
  if (context.files.stat(places.state)) return;
  const { parseConfig } = await import("../lib/config/load.ts");
  await parseConfig(text, places.config);
}
