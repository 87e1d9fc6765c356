import type { Reason, Verdict } from "../model/change.ts";
import { ENGINE_NAMES, type EngineName, type Service } from "../model/service.ts";
import { type Facts, isPossible } from "./facts.ts";

/** What selection needs to know of an engine. */
export interface Candidate {
  readonly name: EngineName;
  readonly requires: readonly string[];
  needs(service: Service): readonly string[];
  supports(service: Service): Verdict;
}

/** Whether an engine can work on this machine at all, and why (not). */
export interface EngineReport {
  readonly name: EngineName;
  readonly possible: boolean;
  readonly reasons: readonly string[];
}

/** The engine of one service, with the reason for it; or every reason why there is none. */
export type Selection =
  | { readonly engine: EngineName; readonly reason: string }
  | { readonly engine: undefined; readonly reasons: readonly Reason[] };

/** Every engine there is or will be, held against what the machine can do. Pure. */
export function reportEngines(candidates: readonly Candidate[], facts: Facts): EngineReport[] {
  return ENGINE_NAMES.map((name) => {
    const candidate = candidates.find((each) => each.name === name);
    if (!candidate) {
      return { name, possible: false, reasons: ["not built yet in this version of lb"] };
    }
    const lacking = facts.capabilities
      .filter((each) => candidate.requires.includes(each.id) && !isPossible(each));
    const reasons = lacking.map(({ id, evidence }) => `${id}: ${evidence}`);
    return {
      name,
      possible: lacking.length === 0,
      reasons: lacking.length === 0 ? ["all it needs is there"] : reasons,
    };
  });
}

/**
 * Picks the engine of a service: the one it names, else the config's, else the first that can.
 *
 * @param reports what {@linkcode reportEngines} said
 */
export function selectEngine(
  service: Service,
  configured: EngineName | "auto",
  candidates: readonly Candidate[],
  reports: readonly EngineReport[],
  facts: Facts,
): Selection {
  const named = service.engine === "auto" ? configured : service.engine;
  const tried = ENGINE_NAMES.filter((name) => named === "auto" || name === named);
  const reasons: Reason[] = [];
  for (const name of tried) {
    const candidate = candidates.find((each) => each.name === name);
    const report = reports.find((each) => each.name === name);
    if (!candidate || !report?.possible) {
      // Engines that are not there are worth a word only where they were asked for by name.
      if (candidate || named !== "auto") reasons.push(...impossible(name, report));
      continue;
    }
    const verdict = candidate.supports(service);
    const lacking = lackingNeeds(name, candidate.needs(service), facts);
    if (verdict.ok && lacking.length === 0) {
      return { engine: name, reason: explain(service, named) };
    }
    reasons.push(...(verdict.ok ? [] : verdict.reasons), ...lacking);
  }
  return { engine: undefined, reasons };
}

function lackingNeeds(name: EngineName, needs: readonly string[], facts: Facts): Reason[] {
  return facts.capabilities.filter((each) => needs.includes(each.id) && !isPossible(each))
    .map(({ id, purpose, evidence }) => ({
      path: ["engine"],
      message: `engine ${name}: ${purpose} needs ${id}: ${evidence}`,
    }));
}

function impossible(name: EngineName, report: EngineReport | undefined): Reason[] {
  return (report?.reasons ?? []).map((reason) => ({
    path: ["engine"],
    message: `engine ${name}: ${reason}`,
  }));
}

function explain(service: Service, named: EngineName | "auto"): string {
  const fit = service.scheduler === "sh" || service.scheduler === "maglev"
    ? "fits hashed slot maps"
    : "fits slot maps";
  return `in-kernel; ${service.scheduler} ${fit}${named === "auto" ? "" : "; asked for by name"}`;
}
