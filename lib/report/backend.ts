import { type BackendCheck, permanently } from "../host/backend/check.ts";
import { formatPrefix, type Prefix } from "../model/address.ts";
import { columns, type Paint } from "./table.ts";

/** What `lb doctor --backend` found. */
export interface BackendReport {
  readonly vips: readonly Prefix[];
  readonly checks: readonly BackendCheck[];
}

/** `lb doctor --backend --json` (docs/cli.md). */
export function backendJson({ vips, checks }: BackendReport): Record<string, unknown> {
  return {
    vips: vips.map(formatPrefix),
    checks: checks.map(({ object, wanted, found, ok, why }) => ({
      object,
      wanted,
      found,
      ok,
      why,
    })),
    commands: commandsOf(checks),
    permanent: permanently(vips),
    attention: attentionOf(checks),
  };
}

/** The same for people. */
export function backendText({ vips, checks }: BackendReport, paint: Paint): string {
  const rows = checks.map(({ object, wanted, found, ok, why }) => [
    `  ${object}`,
    wanted,
    paint(found, ok ? "green" : "yellow"),
    why,
  ]);
  const head = ["  what", "wanted", "found", "why"].map((cell) => paint(cell, "dim"));
  return [
    `${paint("This machine as a backend", "bold")} of ${vips.map(formatPrefix).join(", ")}, ` +
    'forward = "dr"',
    "",
    columns([head, ...rows]),
    "",
    ...remedyText(checks, paint),
    paint("To keep it so over a restart", "bold"),
    ...permanently(vips).flatMap(({ file, lines }) => [
      `  ${file}:`,
      ...lines.map((line) => `    ${line}`),
    ]),
  ].join("\n");
}

function remedyText(checks: readonly BackendCheck[], paint: Paint): string[] {
  const commands = commandsOf(checks);
  if (commands.length === 0) return [paint("Nothing needs attention.", "green"), ""];
  const title = paint("Needs attention", "yellow");
  return [`${title}: set it right, in this order`, ...commands.map((one) => `  ${one}`), ""];
}

/** Each once: several interfaces may want the same. */
function commandsOf(checks: readonly BackendCheck[]): string[] {
  return [...new Set(checks.flatMap(({ commands }) => commands))];
}

function attentionOf(checks: readonly BackendCheck[]): string[] {
  return checks.filter(({ ok }) => !ok).map(({ object, wanted, found, commands }) =>
    `${object}: ${found}, wanted ${wanted}: ${commands.join("; ")}`
  );
}
