import { print } from "../shared/io.ts";
import { makeProgram } from "../lb.ts";
import { answer, type BashCursor } from "./answer.ts";
import { complete as candidatesFor } from "./candidates.ts";
import { wordsOf } from "./line.ts";
import { type Shell, SHELLS } from "./request.ts";
import { findValues } from "./values.ts";

/**
 * What the shells call at each TAB: `__complete bash LINE WORD COMP_TYPE`, or `__complete zsh WORD…`
 * and the same for fish. Says nothing where anything is wrong: an error would land in the middle of
 * what somebody is typing. Reads only.
 */
export async function complete([shell, ...args]: readonly string[]): Promise<void> {
  const known = SHELLS.find((one) => one === shell);
  try {
    if (known) print((await answerTo(known, args)).replace(/\n$/, ""));
  } catch {
    // A config that cannot be read, a state folder of root's: there is nothing to offer.
  }
}

async function answerTo(shell: Shell, args: readonly string[]): Promise<string> {
  const { words, cursor } = shell === "bash" ? readBash(args) : { words: args, cursor: undefined };
  const program = makeProgram(() => {});
  const completion = await candidatesFor(program, words, (name, situation) => {
    const command = program.commands.find((one) => one.name() === situation.command);
    const preset = (long: string) =>
      String(command?.options.find((option) => option.long === long)?.defaultValue ?? "");
    const defaults = { config: preset("--config"), state: preset("--state") };
    return findValues(name, situation, defaults);
  });
  return answer(shell, completion, cursor);
}

function readBash([line = "", replaced = "", comp_type = ""]: readonly string[]) {
  const [_program, ...words] = wordsOf(line);
  const cursor: BashCursor = { typed: words.at(-1) ?? "", replaced, comp_type };
  return { words, cursor };
}
