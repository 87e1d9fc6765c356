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

/** Which engine is asked first, where a service needs what only one of them does well (engines.md). */
const FIRST_CHOICES: readonly {
  readonly engine: EngineName;
  readonly suits: (service: Service) => boolean;
}[] = [
  // Exact by the kernel's own counts of connections.
  { engine: "ipvs", suits: ({ scheduler }) => scheduler === "lc" || scheduler === "wlc" },
  { engine: "ipvs", suits: ({ forward }) => forward === "tunnel" },
];

/** The engines in the order in which they are asked. */
function enginesFor(service: Service): EngineName[] {
  const first = FIRST_CHOICES.filter(({ suits }) => suits(service)).map(({ engine }) => engine);
  return [...new Set([...first, ...ENGINE_NAMES])];
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
  const tried = named === "auto" ? enginesFor(service) : [named];
  const reasons = new Array<NamedReason>();
  const against = (engine: EngineName, found: readonly Reason[]) =>
    reasons.push(...found.map((reason) => ({ engine, reason })));
  for (const name of tried) {
    const candidate = candidates.find((each) => each.name === name);
    const report = reports.find((each) => each.name === name);
    if (!candidate || !report?.possible) {
      // Engines that are not there are worth a word only where they were asked for by name.
      if (candidate || named !== "auto") against(name, impossible(report));
      continue;
    }
    const verdict = candidate.supports(service);
    const lacking = lackingNeeds(candidate.needs(service), facts);
    if (verdict.ok && lacking.length === 0) {
      return { engine: name, reason: explain(service, named, name) };
    }
    against(name, [...(verdict.ok ? [] : verdict.reasons), ...lacking]);
  }
  return {
    engine: undefined,
    reasons: named === "auto"
      ? merged(reasons)
      : reasons.map(({ engine, reason }) => worded([engine], reason, isOfEngine(reason))),
  };
}

/** Whose a reason is. */
interface NamedReason {
  readonly engine: EngineName;
  readonly reason: Reason;
}

/** What several engines say alike is said once, and everything with whose it is. */
function merged(reasons: readonly NamedReason[]): Reason[] {
  const alike = Map.groupBy(reasons, ({ reason }) => JSON.stringify(reason));
  const isOneOnly = new Set(reasons.map(({ engine }) => engine)).size === 1;
  return Array.from(alike.values(), (group) => {
    const [{ reason }] = group as [NamedReason];
    return worded(group.map(({ engine }) => engine), reason, !isOneOnly || isOfEngine(reason));
  });
}

function worded(engines: readonly EngineName[], { path, message }: Reason, named: boolean): Reason {
  const whose = `${engines.length === 1 ? "engine" : "engines"} ${engines.join(", ")}`;
  return { path, message: named ? `${whose}: ${message}` : message };
}

/** Its place in the config says nothing of what it is about. */
function isOfEngine({ path }: Reason): boolean {
  return path[0] === "engine";
}

function lackingNeeds(needs: readonly string[], facts: Facts): Reason[] {
  return facts.capabilities.filter((each) => needs.includes(each.id) && !isPossible(each))
    .map(({ id, purpose, evidence }) => ({
      path: ["engine"],
      message: `${purpose} needs ${id}: ${evidence}`,
    }));
}

function impossible(report: EngineReport | undefined): Reason[] {
  return (report?.reasons ?? []).map((reason) => ({ path: ["engine"], message: reason }));
}

function explain(service: Service, named: EngineName | "auto", engine: EngineName): string {
  const asked = named === "auto" ? "" : "; asked for by name";
  return `in-kernel; ${service.scheduler} ${fitOf(service, engine)}${asked}`;
}

function fitOf({ scheduler }: Service, engine: EngineName): string {
  if (engine === "ipvs") return "is one of IPVS's own schedulers";
  return scheduler === "sh" || scheduler === "maglev" ? "fits hashed slot maps" : "fits slot maps";
}
