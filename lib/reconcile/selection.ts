import { type EngineReport, reportEngines, selectEngine } from "../capability/select.ts";
import type { Facts } from "../capability/facts.ts";
import type { LoadedConfig } from "../config/load.ts";
import type { Engine } from "../engine/engine.ts";
import { ENGINES } from "../engine/registry.ts";
import { LbError } from "../model/error.ts";
import type { EngineName } from "../model/service.ts";
import type { Machine } from "./request.ts";

/** Which engine serves a service, and why that one. */
export interface Chosen {
  readonly name: string;
  readonly engine: EngineName;
  readonly reason: string;
}

/**
 * The engines to look after: those that this machine can run, and those that left something here. Of others
 * nothing is here, and they could not even be asked.
 */
export function enginesHere(
  { facts, store, host }: Pick<Machine, "facts" | "store" | "host">,
): Engine[] {
  const possible = new Set(
    engineReports(facts).filter((report) => report.possible).map(({ name }) => name),
  );
  return ENGINES.filter(({ name }) => possible.has(name) || store.commits.get(name, host));
}

/** Every engine there is, held against this machine. */
export function engineReports(facts: Facts): EngineReport[] {
  return reportEngines(ENGINES, facts);
}

/**
 * An engine for every service.
 *
 * @throws {LbError} `unsupported` with all the reasons and their places in the file, where any service
 * is left without; nothing was changed
 */
export async function selectAll(loaded: LoadedConfig, facts: Facts): Promise<Chosen[]> {
  const reports = engineReports(facts);
  const refusals = await settingRefusals(loaded);
  const chosen: Chosen[] = [];
  for (const [index, service] of loaded.config.services.entries()) {
    const selection = selectEngine(service, loaded.config.engine, ENGINES, reports, facts);
    if (selection.engine) {
      chosen.push({ name: service.name, engine: selection.engine, reason: selection.reason });
      continue;
    }
    for (const { path, message } of selection.reasons) {
      const place = await placeOf(loaded, ["service", index, ...path]);
      refusals.push(`${place}: service ${service.name}: ${path.join(".")}: ${message}`);
    }
  }
  if (refusals.length === 0) return chosen;
  throw new LbError("unsupported", `${refusals.join("\n")}\nNothing was changed.`);
}

/** Settings that belong to no service and whose part of lb is not built yet: refused, never ignored. */
async function settingRefusals(loaded: LoadedConfig): Promise<string[]> {
  const { nodes, notify } = loaded.config;
  const refusals: string[] = [];
  if (nodes > 1) {
    const place = await placeOf(loaded, ["tier", "nodes"]);
    refusals.push(`${place}: tier.nodes: several load balancers are not built yet; set it to 1`);
  }
  if (notify) {
    const place = await placeOf(loaded, ["notify"]);
    refusals.push(`${place}: notify: notifications are not built yet; leave the table out`);
  }
  return refusals;
}

async function placeOf(loaded: LoadedConfig, path: readonly (string | number)[]): Promise<string> {
  const { file, line, column } = await loaded.locate(path);
  return `${file}:${line}:${column}`;
}
