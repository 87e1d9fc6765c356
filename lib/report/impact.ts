import { plural } from "../model/plural.ts";
import type { ConnectionImpact, ServiceImpact } from "../reconcile/impact.ts";
import { percentText } from "./percent.ts";
import { columns, type Paint } from "./table.ts";

/** More services than this are told in one line, but for those that lose something (--json has them all). */
const SERVICES_TOLD_MAX = 50;

/** What a plan does to established connections, for people; "" where there is nothing to say. */
export function impactText(impact: readonly ServiceImpact[], paint: Paint): string {
  const worth = impact.filter(isWorthALine);
  if (worth.length === 0) return "";
  const told = worth.length <= SERVICES_TOLD_MAX ? worth : losers(worth);
  const rows = told.slice(0, SERVICES_TOLD_MAX).map((one) => rowOf(one, paint));
  const sum = told.length < worth.length ? [sumText(worth, paint)] : [];
  return [paint("Connections", "bold"), columns(rows), ...sum].filter((part) => part !== "")
    .join("\n");
}

/** Who is new has none, as a rule. */
function isWorthALine({ engine, connections }: ServiceImpact): boolean {
  return engine.from !== null || (connections?.flushed ?? 0) > 0;
}

function losers(impact: readonly ServiceImpact[]): ServiceImpact[] {
  return impact.filter(({ connections }) =>
    !connections || connections.cut + connections.flushed + connections.draining > 0
  );
}

function rowOf(impact: ServiceImpact, paint: Paint): string[] {
  const { service, slots_remapped: share, connections, reason } = impact;
  const slots = share === null || share === 0
    ? ""
    : `${percentText(share)} of slots lead elsewhere`;
  const words = connections
    ? countWords(connections, paint)
    : paint(`cannot be counted: ${reason}`, "yellow");
  return [`  ${service}`, engineText(impact), slots, words];
}

function engineText({ engine: { from, to } }: ServiceImpact): string {
  if (from === to) return from ?? "";
  if (from === null) return `new on ${to}`;
  return to === null ? `${from}, goes` : `${from} → ${to}`;
}

function countWords({ kept, draining, cut, flushed }: ConnectionImpact, paint: Paint): string {
  const rest = draining > 0 ? ` (${draining} of them until the deadline of their drain)` : "";
  const parts = [
    ...kept > 0 ? [paint(`${kept} kept`, "green") + rest] : [],
    ...cut > 0 ? [paint(`${cut} cut`, "red")] : [],
    ...flushed > 0 ? [paint(`${plural(flushed, "udp flow")} forgotten`, "yellow")] : [],
  ];
  return parts.length > 0 ? parts.join(", ") : paint("none established", "dim");
}

function sumText(impact: readonly ServiceImpact[], paint: Paint): string {
  const counted = impact.flatMap(({ connections }) => connections ?? []);
  const add = (key: keyof ConnectionImpact) => counted.reduce((sum, one) => sum + one[key], 0);
  const sum = {
    kept: add("kept"),
    draining: add("draining"),
    cut: add("cut"),
    flushed: add("flushed"),
  };
  return `  ${plural(impact.length, "service")} in all: ${countWords(sum, paint)}`;
}
