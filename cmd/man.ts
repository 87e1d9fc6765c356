import { Command, type CommandUnknownOpts, type Option } from "@commander-js/extra-typings";
import { EXIT_OK } from "../lib/model/error.ts";
import type { Manual, ManualCommand, ManualEntry, ManualExample } from "../lib/report/manual.ts";
import { context } from "./context.ts";
import { EXIT_MEANINGS } from "./shared/exit_codes.ts";
import { print } from "./shared/io.ts";
import { DEFAULT_PLACES, type End, examples } from "./shared/options.ts";
import { VERSION } from "./shared/version.ts";

/** `lb man` */
export function manCommand(end: End) {
  return new Command("man")
    .summary("print lb's manual page")
    .description(
      "Prints the manual page lb(1), made of what every command says of itself. install.sh puts it where man(1) " +
        "finds it.",
    )
    .addHelpText(
      "after",
      examples(
        ["lb man | man -l -", "read it"],
        ["lb man >/usr/local/share/man/man1/lb.1", "for every user"],
      ),
    )
    .action(async () => {
      const [{ makeProgram }, { manualPage }] = await Promise.all([
        import("./lb.ts"),
        import("../lib/report/manual.ts"),
      ]);
      print(manualPage(manualOf(makeProgram(() => {}), today())).trimEnd());
      end(EXIT_OK);
    });
}

function today(): string {
  return new Date(context.clock.now_ms()).toISOString().slice(0, 10);
}

const ABOUT: readonly string[] = [
  `What is wanted stands in one file, ${DEFAULT_PLACES.config}: services, each with its backends. lb apply has the ` +
  "kernel balance like that, and ends: packets do not go through lb, but for the first one of each connection to a " +
  "service on the engine nfqueue. lb reconcile, which cron or systemd runs every few seconds, checks backends, ends " +
  "drains and repairs what somebody has changed.",
  "Every change can be seen before it is made (--plan), comes about wholly or not at all, and can be undone: lb " +
  "rollback goes back to an earlier config, lb uninstall takes all of it away and puts every sysctl back.",
];

const ENVIRONMENT: readonly ManualEntry[] = [
  { term: "LB_CONFIG, LB_STATE, LB_RUN", meaning: "Defaults of --config, --state and --run-dir." },
  { term: "LB_CACHE", meaning: "Where lb unpacks itself." },
  {
    term: "LB_CRON, LB_UNITS, LB_SYSTEMD",
    meaning:
      "Folders in place of /etc/cron.d, /etc/systemd/system and /run/systemd/system, for lb init.",
  },
  { term: "NO_COLOR", meaning: "Where it is set, nothing is coloured." },
];

const FILES: readonly ManualEntry[] = [
  {
    term: DEFAULT_PLACES.config,
    meaning: "What is wanted. lb init writes one with every key explained.",
  },
  {
    term: `${DEFAULT_PLACES.state}/`,
    meaning: "The state: revisions, health, drains, what sysctls were.",
  },
  { term: `${DEFAULT_PLACES.runDir}/`, meaning: "Locks, and what the queue worker has." },
  {
    term: "/etc/cron.d/lb, /etc/systemd/system/lb-*",
    meaning: "What runs lb by itself, where lb init has seen to that.",
  },
];

const SEE = ["nft(8)", "ipvsadm(8)", "conntrack(8)", "crontab(5)", "systemd.timer(5)"];

/**
 * The manual of a program, out of its commands' own words.
 *
 * @param date `2026-11-21`
 */
export function manualOf(program: CommandUnknownOpts, date: string): Manual {
  const help = program.createHelp();
  const commands = help.visibleCommands(program)
    .filter((command) => program.commands.includes(command));
  const shared = sharedOptions(commands);
  const groups = Map.groupBy(commands, (command) => command.helpGroup().replace(/:$/, ""));
  return {
    name: program.name(),
    version: VERSION,
    date,
    description: program.description(),
    about: ABOUT,
    groups: Array.from(groups, ([heading, members]) => ({
      heading,
      commands: members.map((command) => manualCommand(command, shared)),
    })),
    shared: [...shared.values()],
    examples: examplesOf(program),
    sections: {
      "Exit status": EXIT_MEANINGS.map(([code, meaning]) => ({ term: `${code}`, meaning })),
      Environment: ENVIRONMENT,
      Files: FILES,
    },
    see: SEE,
  };
}

/** What at least half of the commands take alike, by long names. */
function sharedOptions(commands: readonly CommandUnknownOpts[]): Map<string, ManualEntry> {
  const all = commands.flatMap((command) => entriesOf(command));
  const alike = Map.groupBy(all, ({ term, meaning }) => `${term}\n${meaning}`);
  const shared = Array.from(alike.values()).filter((group) => group.length * 2 >= commands.length);
  return new Map(shared.map(([one]) => [longOf(one!.term), one!]));
}

function manualCommand(
  command: CommandUnknownOpts,
  shared: ReadonlyMap<string, ManualEntry>,
): ManualCommand {
  const entries = entriesOf(command);
  const isShared = ({ term, meaning }: ManualEntry) => {
    const one = shared.get(longOf(term));
    return one?.term === term && one.meaning === meaning;
  };
  const help = command.createHelp();
  const described = help.visibleArguments(command).filter(({ description }) => description !== "");
  return {
    name: command.name(),
    usage: command.usage(),
    summary: command.summary() || command.description(),
    description: command.description(),
    entries: [
      ...described.map((argument) => ({
        term: help.argumentTerm(argument),
        meaning: help.argumentDescription(argument),
      })),
      ...entries.filter((one) => !isShared(one)),
    ],
    shared: entries.filter(isShared).map(({ term }) => longOf(term)),
    examples: examplesOf(command),
  };
}

/** A command's options, but for --help. */
function entriesOf(command: CommandUnknownOpts): ManualEntry[] {
  const help = command.createHelp();
  return help.visibleOptions(command).filter(({ long }) => long !== "--help").map((option) => ({
    term: help.optionTerm(option),
    meaning: help.optionDescription(withUsualPlace(option)),
  }));
}

/** The manual is for everybody, whatever the environment of who prints it. */
const USUAL: Readonly<Record<string, string>> = {
  "--config": DEFAULT_PLACES.config,
  "--state": DEFAULT_PLACES.state,
  "--run-dir": DEFAULT_PLACES.runDir,
};

function withUsualPlace(option: Option): Option {
  const usual = USUAL[option.long ?? ""];
  return usual === undefined ? option : option.default(usual);
}

function longOf(term: string): string {
  return /--[a-z-]+/.exec(term)?.[0] ?? term;
}

/** As help prints them: they are part of nothing else that commander knows. */
function examplesOf(command: CommandUnknownOpts): ManualExample[] {
  let text = "";
  command.configureOutput({ writeOut: (part) => text += part });
  command.outputHelp();
  const lines = text.slice(text.indexOf("\nExamples:\n")).split("\n");
  return lines.flatMap((line) => {
    const [, example = "", what = ""] = /^ {2}(\S.*?) {2,}# (\S.*)$/.exec(line) ?? [];
    return example === "" ? [] : [{ line: example, what }];
  });
}
