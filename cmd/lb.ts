import {
  Command,
  CommanderError,
  type CommandUnknownOpts,
  Help,
  type Option,
} from "@commander-js/extra-typings";
import { EXIT_CODES, EXIT_OK, LbError } from "../lib/model/error.ts";
import { applyCommand } from "./apply.ts";
import { completionsCommand } from "./completions.ts";
import { demoCommand } from "./demo.ts";
import { deliveries } from "./change/deliveries.ts";
import { doctorCommand } from "./doctor.ts";
import { historyCommand } from "./history.ts";
import { initCommand } from "./init.ts";
import { eventsCommand } from "./events.ts";
import { exitCodeTable } from "./shared/exit_codes.ts";
import { fail, printJson, withAnswer } from "./shared/io.ts";
import { manCommand } from "./man.ts";
import { notifyCommand } from "./notify.ts";
import { type End, examples, SHARED_OPTIONS } from "./shared/options.ts";
import { planCommand } from "./plan.ts";
import { queueCommand } from "./queue.ts";
import { reconcileCommand } from "./reconcile.ts";
import { rollbackCommand } from "./rollback.ts";
import { scaleCommand } from "./scale.ts";
import { statusCommand } from "./status.ts";
import { uninstallCommand } from "./uninstall.ts";
import { versionLine } from "./shared/version.ts";
import { whyCommand } from "./why.ts";

type Make = (end: End) => Command;

/** The commands by what they are for, in the order in which help lists them. */
const GROUPS: readonly (readonly [heading: string, makers: readonly unknown[]])[] = [
  ["Set up:", [initCommand, demoCommand, completionsCommand, manCommand]],
  ["Run:", [
    planCommand,
    applyCommand,
    scaleCommand,
    reconcileCommand,
    notifyCommand,
    queueCommand,
  ]],
  ["Look:", [statusCommand, whyCommand, eventsCommand, historyCommand, doctorCommand]],
  ["Undo:", [rollbackCommand, uninstallCommand]],
];

/** Where help for a command is listed. */
const HELP_GROUP = "Look:";

/** Words that stand for something in what is written of lb, and are no commands of this version. */
const NO_COMMANDS: ReadonlyMap<string | undefined, LbError> = new Map([
  ["relay", new LbError("unsupported", "the engine relay is not built yet in this version of lb")],
]);

/** Runs one command line. @returns the exit code */
export async function runCommandLine(argv: readonly string[]): Promise<number> {
  const refusal = NO_COMMANDS.get(argv[0]);
  if (refusal) return fail(refusal, argv.includes("--json"));
  let exitCode: number = EXIT_OK;
  const program = makeProgram((code) => exitCode = code);
  if (argv.length === 0) {
    program.outputHelp();
    return EXIT_OK;
  }
  try {
    await program.parseAsync(withoutHelp(argv, program), { from: "user" });
    return withAnswer(exitCode);
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

/**
 * Of a command that there is not commander prints the help of all, and not a word of what is wrong; nor does it know
 * `help` for one.
 *
 * @returns where it is so, a command line that it takes as it was meant
 */
function withoutHelp(argv: readonly string[], { commands }: Command): string[] {
  const word = argv[0] === "help" ? argv[1] : argv[0];
  if (word === "help") return ["help"];
  const isKnown = word === undefined || word.startsWith("-") ||
    commands.some((command) => command.name() === word);
  return isKnown ? [...argv] : [word];
}

/** Every command with its options. */
export function makeProgram(end: End): Command {
  const program = new Command("lb")
    .commandsGroup(HELP_GROUP)
    .description("A layer-4 load balancer that uses the best data path the kernel has.")
    .version(versionLine(), "-V, --version", "print the version, and how this lb was built")
    .helpOption("-h, --help", "print help")
    .helpCommand("help [command]", "print help for a command")
    .showHelpAfterError("(lb --help, or lb COMMAND --help, tells more)")
    .addHelpText(
      "after",
      examples(
        ["lb init", "look at this machine, write a sample config"],
        ["lb plan", "what would change"],
        ["lb apply", "bring the kernel to the config"],
        ["lb status", "services and backends"],
        ["lb scale web --weight 198.51.100.11=50", "change a weight"],
        ["lb why 203.0.113.9:51234", "which backend a client goes to, and why"],
        ["lb uninstall", "put everything back"],
      ) + `\n\nExit codes:\n${exitCodeTable()}`,
    )
    .exitOverride();
  const style = { optionDescription, visibleOptions };
  program.configureHelp(style);
  for (const [heading, makers] of GROUPS) {
    for (const make of makers as readonly Make[]) {
      const command = make(end).helpGroup(heading).exitOverride();
      command.showHelpAfterError(`(lb ${command.name()} --help tells more)`);
      program.addCommand(command.configureHelp(style));
    }
  }
  return program as unknown as Command;
}

/** What a command has of its own comes first. */
function visibleOptions(command: CommandUnknownOpts): Option[] {
  const all = new Help().visibleOptions(command);
  const isShared = ({ long }: Option) => SHARED_OPTIONS.includes(long ?? "");
  return [...all.filter((one) => !isShared(one)), ...all.filter(isShared)];
}

/** A flag that is off and a list that is empty go without saying. */
function optionDescription(option: Option): string {
  return new Help().optionDescription(option).replace(/ \(default: (false|\[\])\)/, "");
}
