import type { Argument, CommandUnknownOpts, Option } from "@commander-js/extra-typings";

/** Something that may stand at the cursor. */
export interface Candidate {
  readonly value: string;
  /** In a few words, for shells that show them. */
  readonly what?: string;
}

/** What may stand at the cursor: one of these words, or any file or folder. */
export interface Completion {
  readonly kind: "words" | "files" | "folders";
  readonly candidates: readonly Candidate[];
  /** Something follows directly: no blank behind the word. */
  readonly isOpen?: boolean;
}

/** A command line up to the cursor, as far as it is understood. */
export interface Situation {
  readonly command: string;
  /** Words that are neither options nor their values. */
  readonly operands: readonly string[];
  /** Values of options, by long name: `--config`. */
  readonly values: ReadonlyMap<string, readonly string[]>;
}

/** Finds the values for an option (`--config`) or an argument (`service`) that has no fixed choices. */
export type FindValues = (name: string, situation: Situation) => Promise<Completion>;

export const NOTHING: Completion = { kind: "words", candidates: [] };

/**
 * What may stand in the place of the last word.
 *
 * @param words without the program's own name; the last one is the one being typed
 */
export async function complete(
  program: CommandUnknownOpts,
  words: readonly string[],
  find: FindValues,
): Promise<Completion> {
  const [name = "", ...rest] = words;
  if (rest.length === 0) {
    return name.startsWith("-") ? optionsOf(program, new Set()) : commandsOf(program);
  }
  if (name === "help") return rest.length === 1 ? commandsOf(program) : NOTHING;
  const command = program.commands.find((one) => one.name() === name);
  return command ? await completeCommand(command, rest, find) : NOTHING;
}

function commandsOf(program: CommandUnknownOpts): Completion {
  const commands = program.createHelp().visibleCommands(program);
  return listed(
    commands.map((one) => ({ value: one.name(), what: one.summary() || one.description() })),
  );
}

async function completeCommand(
  command: CommandUnknownOpts,
  words: readonly string[],
  find: FindValues,
): Promise<Completion> {
  const current = words.at(-1) ?? "";
  const { situation, pending, isPastOptions } = read(command, words.slice(0, -1));
  if (pending) return await valuesOf(pending, pending.long ?? "", situation, find);
  if (!isPastOptions && current.startsWith("-")) {
    const [head = "", tail] = splitAtEquals(current);
    if (tail === undefined) return optionsOf(command, new Set(situation.values.keys()));
    const option = optionCalled(command, head);
    if (!option || option.isBoolean()) return NOTHING;
    return withHead(await valuesOf(option, option.long ?? "", situation, find), `${head}=`);
  }
  const argument = argumentAt(command, situation.operands.length);
  if (argument) return await valuesOf(argument, argument.name(), situation, find);
  return current === "" ? optionsOf(command, new Set(situation.values.keys())) : NOTHING;
}

/** What stands before the cursor. `pending`: an option whose value comes next. */
function read(command: CommandUnknownOpts, words: readonly string[]) {
  const operands: string[] = [];
  const values = new Map<string, string[]>();
  let pending: Option | undefined;
  let isPastOptions = false;
  const note = ({ long = "" }: Option, value: string) =>
    values.set(long, [...values.get(long) ?? [], value]);
  for (const word of words) {
    const [head = "", tail] = splitAtEquals(word);
    const option = isPastOptions || pending ? undefined : optionCalled(command, head);
    if (pending) {
      note(pending, word);
      pending = undefined;
    } else if (isPastOptions || !word.startsWith("-")) operands.push(word);
    else if (word === "--") isPastOptions = true;
    else if (option && tail === undefined && option.required) pending = option;
    else if (option) note(option, tail ?? "");
  }
  const situation: Situation = { command: command.name(), operands, values };
  return { situation, pending, isPastOptions };
}

/** `--config=/etc/x` into `--config` and `/etc/x`; a word without `=` stays whole. */
function splitAtEquals(word: string): [string, string?] {
  const at = word.startsWith("--") ? word.indexOf("=") : -1;
  return at < 0 ? [word] : [word.slice(0, at), word.slice(at + 1)];
}

function optionCalled(command: CommandUnknownOpts, flag: string): Option | undefined {
  return command.options.find(({ long, short }) => flag === long || flag === short);
}

function argumentAt(command: CommandUnknownOpts, place: number): Argument | undefined {
  const all = command.registeredArguments;
  const last = all.at(-1);
  return all[place] ?? (last?.variadic ? last : undefined);
}

/** Options that are not there yet, or may be given several times: those gather a list. */
function optionsOf(command: CommandUnknownOpts, given: ReadonlySet<string>): Completion {
  const options = command.createHelp().visibleOptions(command).filter(({ long, defaultValue }) =>
    !given.has(long ?? "") || Array.isArray(defaultValue)
  );
  return listed(
    options.map(({ long, short, description }) => ({
      value: long ?? short ?? "",
      what: description,
    })),
  );
}

async function valuesOf(
  { argChoices }: Option | Argument,
  name: string,
  situation: Situation,
  find: FindValues,
): Promise<Completion> {
  if (argChoices) return listed(argChoices.map((value) => ({ value })));
  return await find(name, situation);
}

function withHead(completion: Completion, head: string): Completion {
  const candidates = completion.candidates.map((one) => ({ ...one, value: head + one.value }));
  return { ...completion, candidates };
}

function listed(candidates: readonly Candidate[]): Completion {
  return { kind: "words", candidates };
}
