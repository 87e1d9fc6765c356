import type { Answer } from "../capability/facts.ts";
import type { Diagnosis } from "../reconcile/diagnosis.ts";
import { serviceReportJson, servicesText } from "./service_report.ts";
import { columns, type Paint, type Style } from "./table.ts";

const ANSWER_STYLES: Readonly<Record<Answer, Style>> = {
  yes: "green",
  loadable: "green",
  unknown: "yellow",
  no: "red",
};

/** `lb doctor --json`, `lb init --json` (docs/cli.md). */
export function diagnosisJson(diagnosis: Diagnosis): Record<string, unknown> {
  const { facts, engines, services, sysctls, left, ...rest } = diagnosis;
  const { conntrack, queues, ports, conflicts, attention, notes } = rest;
  return {
    kernel: facts.kernel,
    nft: facts.nft ?? null,
    capabilities: facts.capabilities.map(({ id, purpose, answer, evidence }) => ({
      id,
      ok: answer === "yes" || answer === "loadable",
      answer,
      purpose,
      evidence,
    })),
    engines,
    services: services.map(serviceReportJson),
    sysctls,
    sysctls_left: left,
    headroom: {
      conntrack: conntrack ?? null,
      queues: queues.map(({ queue, waiting, dropped_full, dropped_user }) => (
        { queue, waiting, dropped_full, dropped_user }
      )),
      source_ports: ports,
    },
    conflicts,
    attention,
    notes,
  };
}

/** What was found, for people. */
export function diagnosisText(diagnosis: Diagnosis, paint: Paint): string {
  const { sysctls, attention, notes } = diagnosis;
  return [
    possibilitiesText(diagnosis, paint),
    ...servicesText(diagnosis, paint),
    ...sysctlsText(sysctls, paint),
    ...leftText(diagnosis.left, paint),
    ...headroomText(diagnosis, paint),
    ...attentionText(attention, paint),
    ...notes.map((note) => `\n· ${note}`),
  ].join("\n");
}

/** What the kernel can do, and which engines that makes possible. */
function possibilitiesText({ facts, engines }: Diagnosis, paint: Paint): string {
  const nft = facts.nft ? `, nft ${facts.nft}` : "";
  return [
    `${paint("Kernel", "bold")} ${facts.kernel}${nft}`,
    "",
    paint("Capabilities", "bold"),
    columns(facts.capabilities.map(({ id, answer, evidence }) => [
      `  ${id}`,
      paint(answer, ANSWER_STYLES[answer]),
      paint(evidence, "dim"),
    ])),
    "",
    paint("Engines", "bold"),
    columns(engines.map(({ name, possible, reasons }) => [
      `  ${name}`,
      possible ? paint("possible", "green") : paint("no", "yellow"),
      reasons.join("; "),
    ])),
  ].join("\n");
}

function sysctlsText(sysctls: Diagnosis["sysctls"], paint: Paint): string[] {
  if (sysctls.length === 0) return [];
  const rows = sysctls.map(({ key, wanted, found, ok, why, source }) => [
    `  ${key}`,
    wanted,
    paint(foundText(found, wanted, ok), ok ? "green" : "yellow"),
    why,
    paint(source, "dim"),
  ]);
  const head = ["  key", "wanted", "found", "why", "source"].map((cell) => paint(cell, "dim"));
  return ["", paint("Sysctls", "bold"), columns([head, ...rows])];
}

/** What is as ever is worth no line, and neither is what is different everywhere. */
function leftText(left: Diagnosis["left"], paint: Paint): string[] {
  const rows = left.filter(({ usual, found }) => usual !== "" && found !== usual)
    .map(({ key, found, why, source }) => [`  ${key}`, found, why, paint(source, "dim")]);
  if (rows.length === 0) return [];
  const others = left.length - rows.length;
  const rest = others > 0 ? [paint(`  ${others} more are as usual (--json has them)`, "dim")] : [];
  return ["", paint("Sysctls that lb leaves alone", "bold"), columns(rows), ...rest];
}

/** What differs may be good enough: rp_filter 0 is as lax as 2. */
function foundText(found: string | null, wanted: string, ok: boolean): string {
  if (found === null) return "absent";
  return ok && found !== wanted ? `${found} (will do)` : found;
}

function headroomText({ conntrack, queues, ports }: Diagnosis, paint: Paint): string[] {
  // Others have more left.
  const busiest = ports.slice(0, 1);
  const lines = [
    ...(conntrack ? [`  conntrack  ${conntrack.count} of ${conntrack.max} connections`] : []),
    ...queues.map(({ queue, waiting, dropped_full, dropped_user }) =>
      `  queue ${queue}  ${waiting} waiting, ${dropped_full + dropped_user} dropped`
    ),
    ...busiest.map(({ service, backend, used, max }) =>
      `  source ports  ${used} of ${max} for ${service} ${backend}`
    ),
  ];
  return lines.length > 0 ? ["", paint("Headroom", "bold"), ...lines] : [];
}

function attentionText(attention: readonly string[], paint: Paint): string[] {
  if (attention.length === 0) return ["", paint("Nothing needs attention.", "green")];
  const lines = attention.map((line) => `  ! ${line}`);
  return ["", paint("Needs attention", "yellow"), ...lines];
}
