import { EXIT_ATTENTION, EXIT_OK } from "../lib/model/error.ts";
import { print, printJson, stdoutPaint } from "./io.ts";
import { type End, examples, placedCommand, placesOf } from "./options.ts";

/** `lb doctor` */
export function doctorCommand(end: End) {
  return placedCommand("doctor")
    .summary("what this machine can do, with evidence; what needs attention")
    .description(
      "Tells what the kernel can do and how that is known, which engines that makes possible, and " +
        "which sysctls the config wants beside what they are. Changes nothing; as root, it remembers " +
        "what the kernel can do.",
    )
    .addHelpText(
      "after",
      examples(
        ["lb doctor", "exit code 1 if something needs attention"],
        ["lb doctor --json | jq .engines", "for scripts"],
      ),
    )
    .action(async (options) => {
      const { diagnose } = await import("./diagnose.ts");
      const { diagnosisJson, diagnosisText } = await import("../lib/report/doctor.ts");
      const diagnosis = await diagnose(placesOf(options));
      if (options.json) printJson(diagnosisJson(diagnosis));
      else print(diagnosisText(diagnosis, stdoutPaint()));
      end(diagnosis.attention.length > 0 ? EXIT_ATTENTION : EXIT_OK);
    });
}
