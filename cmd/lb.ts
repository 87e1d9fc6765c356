import { Command, CommanderError, Help, type Option } from "@commander-js/extra-typings";
import { EXIT_CODES, EXIT_OK } from "../lib/model/error.ts";
import { applyCommand } from "./apply.ts";
import { completionsCommand } from "./completions.ts";
import { demoCommand } from "./demo.ts";
import { deliveries } from "./deliveries.ts";
import { doctorCommand } from "./doctor.ts";
import { historyCommand } from "./history.ts";
import { initCommand } from "./init.ts";
import { eventsCommand } from "./events.ts";
import { fail, printJson } from "./io.ts";
import { notifyCommand } from "./notify.ts";
import { type End, examples } from "./options.ts";
import { queueCommand } from "./queue.ts";
import { reconcileCommand } from "./reconcile.ts";
import { rollbackCommand } from "./rollback.ts";
import { scaleCommand } from "./scale.ts";
import { statusCommand } from "./status.ts";
import { uninstallCommand } from "./uninstall.ts";
import { versionLine } from "./version.ts";
import { whyCommand } from "./why.ts";

/** The commands, in the order help lists them. */
const COMMANDS: readonly ((end: End) => Command)[] = [
  initCommand,
  applyCommand,
  statusCommand,
  scaleCommand,
  eventsCommand,
  historyCommand,
  rollbackCommand,
  reconcileCommand,
  doctorCommand,
  whyCommand,
  notifyCommand,
  demoCommand,
  queueCommand,
  completionsCommand,
  uninstallCommand,
].map((make) => make as unknown as (end: End) => Command);

const EXIT_CODE_HELP = `
Exit codes:
  0   done                       4   the kernel lacks what this needs
  1   needs attention            5   not permitted
  2   wrong usage                6   another run holds the lock
  3   config invalid             7   the kernel refused a change
                                 70  a bug in lb`;

/** Runs one command line. @returns the exit code */
export async function runCommandLine(argv: readonly string[]): Promise<number> {
  let exitCode: number = EXIT_OK;
  const program = makeProgram((code) => exitCode = code);
  if (argv.length === 0) {
    program.outputHelp();
    return EXIT_OK;
  }
  try {
    await program.parseAsync([...argv], { from: "user" });
    return exitCode;
  } catch (error) {
    const json = argv.includes("--json");
    if (!(error instanceof CommanderError)) return fail(error, json);
    if (error.exitCode === 0) return EXIT_OK;
    // Commander has said it on stderr already.
    if (json) printJson({ error: { code: "usage", message: error.message } });
    return EXIT_CODES.usage;
  } finally {
    await deliveries.ended();
  }
}

/** Every command with its options. */
export function makeProgram(end: End): Command {
  const program = new Command("lb")
    .description("A layer-4 load balancer that uses the best data path the kernel has.")
    .version(versionLine(), "-V, --version", "print the version, and how this lb was built")
    .helpOption("-h, --help", "print help")
    .helpCommand("help [command]", "print help for a command")
    .showHelpAfterError("(lb --help, or lb COMMAND --help, tells more)")
    .addHelpText(
      "after",
      examples(
        ["lb init", "look at this machine, write a sample config"],
        ["lb apply --plan", "what would change"],
        ["lb apply", "bring the kernel to the config"],
        ["lb status", "services and backends"],
        ["lb scale web --weight 198.51.100.11=50", "change a weight"],
        ["lb why 203.0.113.9:51234", "which backend a client goes to, and why"],
        ["lb uninstall", "put everything back"],
      ) + "\n" + EXIT_CODE_HELP,
    )
    .exitOverride();
  program.configureHelp({ optionDescription });
  for (const make of COMMANDS) {
    {
      const command = make(end).exitOverride();
      command.showHelpAfterError(`(lb ${command.name()} --help tells more)`);
      program.addCommand(command.configureHelp({ optionDescription }));
    }
  }
  return program as unknown as Command;
}

/** A flag that is off and a list that is empty go without saying. */
function optionDescription(option: Option): string {
  return new Help().optionDescription(option).replace(/ \(default: (false|\[\])\)/, "");
}
