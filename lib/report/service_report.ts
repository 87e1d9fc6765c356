import type { Judgement } from "../capability/select.ts";
import type { Diagnosis } from "../reconcile/diagnosis.ts";
import type { ServiceReport } from "../reconcile/service_report.ts";
import type { Paint } from "./table.ts";

/** Services that are named in one line. */
const NAMED_MAX = 6;

/** One of `services` in `lb doctor --json` (docs/cli.md). */
export function serviceReportJson(report: ServiceReport): Record<string, unknown> {
  const { name, chosen, reason, better, nearest, engines } = report;
  const engine = nearest === undefined ? chosen : null;
  return { name, engine, reason, better: better ?? null, nearest: nearest ?? null, engines };
}

/** What each engine would be for each service; what holds for several of them is told once. */
export function servicesText({ services }: Pick<Diagnosis, "services">, paint: Paint): string[] {
  if (services.length === 0) return [];
  const groups = Map.groupBy(services, ({ name: _, ...rest }) => JSON.stringify(rest));
  const blocks = Array.from(groups.values(), (group) => groupText(group, paint));
  return ["", paint("Services", "bold"), ...blocks.flat()];
}

function groupText(group: readonly ServiceReport[], paint: Paint): string[] {
  const { chosen, reason, nearest, engines } = group[0]!;
  const others = group.length - NAMED_MAX;
  const names = group.slice(0, NAMED_MAX).map(({ name }) => name).join(", ") +
    (others > 0 ? ` and ${others} more` : "");
  const head = nearest === undefined
    ? `${paint(chosen, "green")}  ${reason}`
    : `${paint("no engine", "red")}  ${nearest}`;
  return [
    `  ${paint(names, "bold")}  ${head}`,
    ...engines.flatMap((one) => engineText(one, paint)),
  ];
}

function engineText(engine: Judgement, paint: Paint): string[] {
  const { name, possible, reasons, conditions, gains, losses } = engine;
  const head = possible ? paint("possible", "green") : paint("no", "yellow");
  // What is not there is neither gained nor lost: the reason is all there is to say.
  const merits = possible
    ? [...gains.map((one) => `+ ${one}`), ...losses.map((one) => `- ${one}`)]
    : [];
  const remarks = [...reasons, ...conditions, ...merits];
  return [`    ${name.padEnd(8)} ${head}`, ...remarks.map((one) => `      ${paint(one, "dim")}`)];
}
