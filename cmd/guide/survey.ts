import type { EngineReport } from "../../lib/capability/select.ts";
import type { Facts } from "../../lib/capability/facts.ts";
import type { Interface } from "../../lib/host/interface.ts";
import { plural } from "../../lib/model/plural.ts";
import { columns } from "../../lib/report/table.ts";
import type { Kernel } from "../../lib/sys/ports.ts";

/** What of a machine matters to somebody who sets lb up on it. */
export interface Survey {
  readonly facts: Facts;
  readonly engines: readonly EngineReport[];
  /** Without loopback, and what is down. */
  readonly interfaces: readonly Interface[];
}

/** Looks at it. Reads only. */
export async function survey(kernel: Kernel): Promise<Survey> {
  const [{ detect }, { observeInterfaces }, { engineReports }] = await Promise.all([
    import("../../lib/capability/detect.ts"),
    import("../../lib/host/address/observe.ts"),
    import("../../lib/reconcile/selection.ts"),
  ]);
  const facts = await detect(kernel);
  const interfaces = observeInterfaces(kernel.sockets)
    .filter(({ up, loopback }) => up && !loopback);
  return { facts, engines: engineReports(facts), interfaces };
}

/** Interfaces that are told of; a machine of containers has a hundred. */
const TOLD_MAX = 8;

/** The same in words. */
export function surveyText({ facts, engines, interfaces }: Survey): string {
  const possible = engines.filter(({ possible }) => possible).map(({ name }) => name);
  const told = interfaces.filter(({ addresses }) => addresses.length > 0);
  const others = told.length - TOLD_MAX;
  return [
    columns([
      ["kernel", facts.kernel],
      ["engines", possible.join(", ") || "none is possible (lb doctor says why)"],
      ...told.slice(0, TOLD_MAX).map(({ name, addresses }) => [name, addressesText(addresses)]),
    ]),
    ...others > 0 ? [`and ${plural(others, "more interface")}`] : [],
  ].join("\n");
}

/** Those of one link only are no place for a VIP. */
function addressesText(addresses: Interface["addresses"]): string {
  const texts = addresses.filter(({ text }) => !text.startsWith("fe80:"))
    .map(({ text, length }) => `${text}/${length}`);
  return texts.join("  ");
}
