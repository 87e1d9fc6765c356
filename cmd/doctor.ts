import { InvalidArgumentError } from "@commander-js/extra-typings";
import { parsePrefix, type Prefix } from "../lib/model/address.ts";
import { EXIT_ATTENTION, EXIT_OK, LbError } from "../lib/model/error.ts";
import { collect } from "./shared/endpoint.ts";
import { print, printJson, stdoutPaint } from "./shared/io.ts";
import { type End, examples, placedCommand, placesOf } from "./shared/options.ts";

const NO_VIPS: readonly Prefix[] = [];

/** `lb doctor` */
export function doctorCommand(end: End) {
  return placedCommand("doctor")
    .summary("what this machine can do, with evidence; what needs attention")
    .description(
      "Tells what the kernel can do and how that is known, which engines that makes possible, and " +
        "which sysctls the config wants beside what they are. Changes nothing; as root, it remembers " +
        'what the kernel can do. With --backend, run it on a backend of a service with forward = "dr".',
    )
    .argument("[vip...]", "with --backend: which (default: those of lb.toml)", parseVips)
    .option("--backend", 'check this machine as a backend with forward = "dr"', false)
    .addHelpText(
      "after",
      examples(
        ["lb doctor", "exit code 1 if something needs attention"],
        ["lb doctor --json | jq .engines", "for scripts"],
        ["lb doctor --backend 203.0.113.10", "on a backend: what to set there, and whether it is"],
      ),
    )
    .action(async (vips = NO_VIPS, options) => {
      const report = options.backend ? reportBackend : reportMachine;
      end(await report(vips, options) ? EXIT_OK : EXIT_ATTENTION);
    });
}

type Options = Parameters<typeof placesOf>[0] & { readonly json: boolean };

/** @returns whether all is well */
async function reportMachine(vips: readonly Prefix[], options: Options): Promise<boolean> {
  if (vips.length > 0) throw new LbError("usage", "VIPs go with --backend");
  const { diagnose } = await import("./shared/diagnose.ts");
  const { diagnosisJson, diagnosisText } = await import("../lib/report/doctor.ts");
  const diagnosis = await diagnose(placesOf(options));
  if (options.json) printJson(diagnosisJson(diagnosis));
  else print(diagnosisText(diagnosis, stdoutPaint()));
  return diagnosis.attention.length === 0;
}

async function reportBackend(vips: readonly Prefix[], options: Options): Promise<boolean> {
  const { diagnoseBackend } = await import("./shared/diagnose.ts");
  const { backendJson, backendText } = await import("../lib/report/backend.ts");
  const report = await diagnoseBackend(placesOf(options), vips);
  if (options.json) printJson(backendJson(report));
  else print(backendText(report, stdoutPaint()));
  return report.checks.every(({ ok }) => ok);
}

function parseVips(text: string, earlier = NO_VIPS): readonly Prefix[] {
  return collect(parseVip)(text, earlier);
}

function parseVip(text: string): Prefix {
  const vip = parsePrefix(text);
  if (vip) return vip;
  throw new InvalidArgumentError("write an address or a prefix, for instance 203.0.113.10.");
}
