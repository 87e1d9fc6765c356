import { nearestAlternative } from "../capability/nearest.ts";
import {
  type Asked,
  type EngineReport,
  type Ground,
  reportEngines,
  selectEngine,
} from "../capability/select.ts";
import type { Facts } from "../capability/facts.ts";
import type { LoadedConfig } from "../config/load.ts";
import type { Engine } from "../engine/engine.ts";
import { DATA_PATHS, ENGINES } from "../engine/registry.ts";
import type { Reason } from "../model/change.ts";
import { LbError } from "../model/error.ts";
import type { EngineName, Service } from "../model/service.ts";
import type { EnginesByName } from "../store/revisions.ts";
import type { Store } from "../store/store.ts";
import type { Machine } from "./request.ts";

/** Which engine serves a service, and why that one. */
export interface Chosen {
  readonly name: string;
  readonly engine: EngineName;
  readonly reason: string;
  /** Would be chosen if the service were not on this one already. */
  readonly better?: EngineName;
}

/** The engines that services are on, by their names. */
export type Held = EnginesByName;

/** Every service is chosen for anew. */
export const NOTHING_HELD: Held = new Map();

/** The engines that services are on, as far as the revision in force tells. */
export function heldEngines({ revisions }: Pick<Store, "revisions">): Held {
  const current = revisions.current();
  return current === undefined ? NOTHING_HELD : revisions.engines(current) ?? NOTHING_HELD;
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
  return reportEngines(DATA_PATHS, facts);
}

/** What services are held against when an engine is chosen for them. */
export function groundOf(facts: Facts, nodes?: number): Ground {
  return { candidates: DATA_PATHS, reports: engineReports(facts), facts, nodes };
}

/**
 * An engine for every service.
 *
 * @param held the engines that services are on already
 * @throws {LbError} `unsupported` with all the reasons and their places in the file, where any service
 * is left without; nothing was changed
 */
export async function selectAll(
  loaded: LoadedConfig,
  facts: Facts,
  held: Held = NOTHING_HELD,
): Promise<Chosen[]> {
  const ground = groundOf(facts, loaded.config.nodes);
  const refusals: string[] = [];
  const nearest = alternatives(ground);
  const chosen: Chosen[] = [];
  for (const [index, service] of loaded.config.services.entries()) {
    const asked = { configured: loaded.config.engine, held: held.get(service.name) };
    const selection = selectEngine(service, asked, ground);
    if (selection.engine) {
      chosen.push({ name: service.name, ...selection });
      continue;
    }
    for (const { path, message } of selection.reasons) {
      const place = await placeOf(loaded, ["service", index, ...path]);
      refusals.push(`${place}: service ${service.name}: ${path.join(".")}: ${message}`);
    }
    refusals.push(`service ${service.name}: ${nearest(service, asked, selection.reasons)}`);
  }
  if (refusals.length === 0) return chosen;
  throw new LbError("unsupported", `${refusals.join("\n")}\nNothing was changed.`);
}

/**
 * Says what comes nearest to a service that no engine can serve here, in words. That is sought once for all
 * services that are refused for the same reasons: there may be ten thousand.
 */
export function alternatives(ground: Ground) {
  const known = new Map<string, string>();
  return (service: Service, asked: Asked, reasons: readonly Reason[]): string => {
    const key = JSON.stringify(reasons);
    const text = known.get(key) ?? alternativeText(service, asked, ground);
    known.set(key, text);
    return text;
  };
}

function alternativeText(service: Service, asked: Asked, ground: Ground): string {
  const nearest = nearestAlternative(service, asked, ground);
  return nearest
    ? `the nearest that works here: ${nearest.changes.join(" and ")} (engine ${nearest.engine})`
    : "no small change of it works here: it takes another kernel, or what is said to be missing";
}

async function placeOf(loaded: LoadedConfig, path: readonly (string | number)[]): Promise<string> {
  const { file, line, column } = await loaded.locate(path);
  return `${file}:${line}:${column}`;
}
