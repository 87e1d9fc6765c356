import { Option } from "@commander-js/extra-typings";
import { EXIT_CODES, EXIT_OK, LbError } from "../lib/model/error.ts";
import { context, type Places } from "./context.ts";
import { print, printJson, say, stdoutPaint } from "./io.ts";
import { type End, examples, lockingCommand, placesOf } from "./options.ts";

/** The sample, beside the program: in the repository and in every build. */
const SAMPLE = "templates/lb.toml";

/** `lb init` */
export function initCommand(end: End) {
  return lockingCommand("init")
    .summary("look at this machine, write a sample config, create the state")
    .description(
      "Tells what the kernel can do and which engines that makes possible, writes a commented " +
        "config if there is none, and creates the state database. Does not touch traffic. " +
        "Safe to run again.",
    )
    .addOption(
      new Option(
        "--timer <kind>",
        "what runs lb reconcile by itself (cron, systemd: not built yet)",
      )
        .choices(["cron", "systemd", "none"]).default("none"),
    )
    .option("--explain", "tell of each engine what it would be for each service", false)
    .option("-y, --yes", "take the defaults; in this version there is nothing to ask", false)
    .addHelpText(
      "after",
      examples(
        ["lb init", "then edit /etc/lb/lb.toml and run lb apply"],
        ["lb init --json | jq .engines", "for scripts"],
      ),
    )
    .action(async (options) => {
      context.needRoot("init");
      refuseTimer(options.timer);
      const places = placesOf(options);
      const lock = await context.lock(places, options.lockTimeout);
      try {
        (await context.openStore(places)).close();
        const written = writeSample(places);
        end(await tell(places, written, options));
      } finally {
        lock.release();
      }
    });
}

function refuseTimer(timer: string): void {
  if (timer === "none") return;
  throw new LbError(
    "unsupported",
    `--timer ${timer} is not built yet; use --timer none and run "lb reconcile" every minute ` +
      "from a cron line of your own (see docs/operating.md)",
  );
}

/** @returns whether there was none */
function writeSample({ config }: Places): boolean {
  if (context.files.stat(config)) return false;
  const sample = context.files.read(`${context.home()}/${SAMPLE}`);
  if (sample === undefined) throw new LbError("bug", `${SAMPLE} is missing from this build of lb`);
  context.files.mkdir(config.replace(/[^/]*$/, "") || ".", 0o755);
  context.files.replace(config, sample, 0o644);
  return true;
}

async function tell(
  places: Places,
  written: boolean,
  { json, explain }: { readonly json: boolean; readonly explain: boolean },
): Promise<number> {
  const { diagnose } = await import("./diagnose.ts");
  const { diagnosisJson, diagnosisText } = await import("../lib/report/doctor.ts");
  const diagnosis = await diagnose(places);
  const made = { config: places.config, config_written: written, state: places.state };
  if (json) printJson({ ...diagnosisJson(diagnosis), ...made });
  else {
    const told = explain ? diagnosis : { ...diagnosis, services: [] };
    print(diagnosisText(told, stdoutPaint()));
    say(
      written ? `\nWrote ${places.config}.` : `\n${places.config} is there already, left as it is.`,
    );
    say(
      `State is in ${places.state}. Next: edit the config, then "lb apply --plan" and "lb apply".`,
    );
  }
  return diagnosis.engines.some(({ possible }) => possible) ? EXIT_OK : EXIT_CODES.unsupported;
}
