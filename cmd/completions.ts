import { Argument, Command } from "@commander-js/extra-typings";
import { EXIT_OK, LbError } from "../lib/model/error.ts";
import { SHELLS } from "./completion/request.ts";
import { context } from "./context.ts";
import { print } from "./shared/io.ts";
import { type End, examples } from "./shared/options.ts";

/** `lb completions` */
export function completionsCommand(end: End) {
  return new Command("completions")
    .summary("print what makes a shell complete lb's command lines")
    .description(
      "Prints a script that makes the shell complete commands, options and values: services and " +
        "backends out of lb.toml, revisions out of the state.",
    )
    .addArgument(new Argument("<shell>", "the shell").choices(SHELLS))
    .addHelpText(
      "after",
      examples(
        ["lb completions bash >/etc/bash_completion.d/lb", "for every user"],
        ["source <(lb completions bash)", "in ~/.bashrc"],
        ["lb completions zsh >/usr/local/share/zsh/site-functions/_lb", "for every user"],
        ["lb completions fish >~/.config/fish/completions/lb.fish", "for yourself"],
      ),
    )
    .action((shell) => {
      const name = `templates/completion/lb.${shell}`;
      const script = context.files.read(`${context.home()}/${name}`);
      if (script === undefined) {
        throw new LbError("bug", `${name} is missing from this build of lb`);
      }
      print(script.trimEnd());
      end(EXIT_OK);
    });
}
