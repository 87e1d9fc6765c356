import { EXIT_OK } from "../lib/model/error.ts";
import { backupsOf } from "./backup.ts";
import { change, report } from "./change.ts";
import { context, type Places } from "./context.ts";
import { printJson, say } from "./io.ts";
import { type End, examples, lockingCommand, placesOf } from "./options.ts";

/** A config without services: what is left of it in the kernel is nothing. */
const NOTHING_WANTED = "";

/** `lb uninstall` */
export function uninstallCommand(end: End) {
  return lockingCommand("uninstall")
    .summary("remove rules and addresses, put every sysctl back")
    .description(
      "Removes lb's rules and addresses and puts every sysctl back to what it was before lb changed " +
        "it, unless somebody else has changed it since. Config and state stay, unless --purge.",
    )
    .option("--purge", "remove the config file and the state folder too", false)
    .option("-y, --yes", "do not ask", false)
    .addHelpText(
      "after",
      examples(
        ["lb uninstall", "asks on a terminal"],
        ["lb uninstall --yes --purge", "everything, without a question"],
      ),
    )
    .action(async (options) => {
      context.needRoot("uninstall");
      const places = placesOf(options);
      if (!options.yes && !await confirm(options.purge)) return end(EXIT_OK);
      const { parseConfig } = await import("../lib/config/load.ts");
      const outcome = context.files.stat(places.state)
        ? await change({
          places,
          lockTimeout_ms: options.lockTimeout,
          dryRun: false,
          target: async () => {
            const loaded = await parseConfig(NOTHING_WANTED, "lb uninstall");
            return { loaded, command: "lb uninstall" };
          },
        })
        : undefined;
      if (options.purge) purge(places);
      if (outcome) return end(await report(outcome, { json: options.json, planned: false }));
      if (options.json) printJson({ revision: null, changed: false, changes: [], drift: [] });
      else say(`There is no state in ${places.state}: lb changed nothing here.`);
      end(EXIT_OK);
    });
}

/** Asks on a terminal only. */
async function confirm(purge: boolean): Promise<boolean> {
  if (!Deno.stdin.isTerminal() || !Deno.stderr.isTerminal()) return true;
  const prompts = await import("@clack/prompts");
  const message = "Remove lb's rules and addresses, and put all sysctls back" +
    (purge ? ", and delete config and state?" : "?");
  return await prompts.confirm({ message, initialValue: false }) === true;
}

function purge({ config, state, runDir }: Places): void {
  for (const file of [config, ...backupsOf(context.files, config)]) context.files.remove(file);
  for (const folder of [state, runDir]) removeOurs(folder);
}

/** What lb made, by name: somebody may have pointed --state at a folder with other things in it. */
function removeOurs(folder: string): void {
  const ours = /^(lb\.db(-wal|-shm)?|lock|transaction\.nft|probe-[a-z-]+\.nft)$/;
  for (const name of context.files.list(folder)) {
    if (ours.test(name)) context.files.remove(`${folder}/${name}`);
  }
  if (context.files.stat(folder) && context.files.list(folder).length === 0) {
    context.files.remove(folder);
  }
}
