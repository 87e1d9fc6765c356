import { Option } from "@commander-js/extra-typings";
import { EXIT_ATTENTION, EXIT_CODES, EXIT_OK, LbError } from "../lib/model/error.ts";
import { context, type Places } from "./context.ts";
import { print, printJson, say, stdoutPaint } from "./io.ts";
import { type End, examples, lockingCommand, placesOf } from "./options.ts";
import { setTimer, type TimerReport, type WantedTimer } from "./timer.ts";

/** Who runs `lb reconcile`, and what was done about that. */
function timerText({ kind, why, files, written, removed, left }: TimerReport): string {
  const what = kind === "none"
    ? `Nobody runs lb reconcile by itself (${why})`
    : `${kind} runs lb reconcile (${why}): ${files.join(", ")}${written ? ", written" : ""}`;
  const gone = removed.length > 0 ? [`Removed ${removed.join(", ")}.`] : [];
  return [`${what}.`, ...gone, ...left.map((line) => `attention: ${line}`)].join("\n");
}

/** The sample, beside the program: in the repository and in every build. */
const SAMPLE = "templates/lb.toml";

/** `lb init` */
export function initCommand(end: End) {
  return lockingCommand("init")
    .summary("look at this machine, write a sample config, create the state")
    .description(
      "Tells what the kernel can do and which engines that makes possible, writes a commented " +
        "config if there is none, creates the state database, and sees to it that lb reconcile is run by " +
        "itself. Does not touch traffic. Safe to run again.",
    )
    .addOption(
      new Option(
        "--timer <kind>",
        "what runs lb reconcile by itself, each minute and at boot",
      )
        .choices(["auto", "cron", "systemd", "none"]).default("auto" as WantedTimer),
    )
    .option("--explain", "tell of each engine what it would be for each service", false)
    .option("-y, --yes", "take the defaults; in this version there is nothing to ask", false)
    .addHelpText(
      "after",
      examples(
        ["lb init", "then edit /etc/lb/lb.toml and run lb apply"],
        ["lb init --timer cron", "cron runs lb reconcile, and mails what it changes"],
        ["lb init --timer none", "nobody does; what ran it before is removed"],
        ["lb init --json | jq .engines", "for scripts"],
      ),
    )
    .action(async (options) => {
      context.needRoot("init");
      const places = placesOf(options);
      const lock = await context.lock(places, options.lockTimeout);
      try {
        (await context.openStore(places)).close();
        const written = writeSample(places);
        const timer = await setTimer(places, options.timer as WantedTimer);
        end(await tell(places, { written, timer }, options));
      } finally {
        lock.release();
      }
    });
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
  { written, timer }: { readonly written: boolean; readonly timer: TimerReport },
  { json, explain }: { readonly json: boolean; readonly explain: boolean },
): Promise<number> {
  const { diagnose } = await import("./diagnose.ts");
  const { diagnosisJson, diagnosisText } = await import("../lib/report/doctor.ts");
  const diagnosis = await diagnose(places);
  const made = { config: places.config, config_written: written, state: places.state, timer };
  if (json) printJson({ ...diagnosisJson(diagnosis), ...made });
  else {
    const told = explain ? diagnosis : { ...diagnosis, services: [] };
    print(diagnosisText(told, stdoutPaint()));
    say(
      written ? `\nWrote ${places.config}.` : `\n${places.config} is there already, left as it is.`,
    );
    say(timerText(timer));
    say(
      `State is in ${places.state}. Next: edit the config, then "lb apply --plan" and "lb apply".`,
    );
  }
  if (timer.left.length > 0) return EXIT_ATTENTION;
  return diagnosis.engines.some(({ possible }) => possible) ? EXIT_OK : EXIT_CODES.unsupported;
}
