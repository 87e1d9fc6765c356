import type { Reason, Verdict } from "../model/change.ts";
import { ENGINE_NAMES, type EngineName, type Service } from "../model/service.ts";
import { type Capability, type Facts, isPossible, WORKER_KEPT } from "./facts.ts";
import { isByLoad, isMeasured, MEASURES, type Merits, meritsOf } from "./merits.ts";
import { tierReasons } from "./tier.ts";

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

/** What engines are held against. */
export interface Ground {
  readonly candidates: readonly Candidate[];
  /** What {@linkcode reportEngines} said. */
  readonly reports: readonly EngineReport[];
  readonly facts: Facts;
  /** Load balancers behind the same router. @default 1 */
  readonly nodes?: number;
}

/** What is asked for besides the service's own words. */
export interface Asked {
  /** By the config, for services that name none. */
  readonly configured: EngineName | "auto";
  /** The one that serves it now. */
  readonly held?: EngineName;
}

/** The engine of one service, with the reason for it; or every reason why there is none. */
export type Selection =
  | {
    readonly engine: EngineName;
    readonly reason: string;
    /** Would be chosen if the service were not on another engine already. */
    readonly better?: EngineName;
  }
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
  /** A capability without which it is not chosen unasked. */
  readonly given?: string;
}[] = [
  // Exact by the kernel's own counts of connections.
  { engine: "ipvs", suits: isByLoad },
  // Exact, too; but nobody is given a program that runs all the time, and that nothing looks after.
  { engine: "nfqueue", suits: isByLoad, given: WORKER_KEPT },
  { engine: "ipvs", suits: ({ forward }) => forward === "tunnel" },
  { engine: "nfqueue", suits: ({ balance }) => balance.bound > 0 },
];

function isGiven({ given }: typeof FIRST_CHOICES[number], { capabilities }: Facts): boolean {
  return given === undefined ||
    capabilities.some(({ id, answer }) => id === given && answer === "yes");
}

/** What would come first, and is given to nobody unasked here. */
function unasked(service: Service, best: EngineName, ground: Ground): string {
  const engines = FIRST_CHOICES.filter((one) => one.suits(service) && !isGiven(one, ground.facts))
    .map(({ engine }) => engine)
    .filter((engine) => engine !== best && reasonsAgainst(service, engine, ground).length === 0);
  return engines.map((engine) =>
    `; ${engine} would be exact, and takes a program that no service manager looks after here ` +
    `(engine = "${engine}" asks for it)`
  ).join("");
}

/**
 * The engines in the order in which they are asked.
 *
 * @param held the one that it is on: what runs already is given
 */
function enginesFor(service: Service, facts: Facts, held?: EngineName): EngineName[] {
  const first = FIRST_CHOICES.filter(({ suits }) => suits(service))
    .filter((one) => one.engine === held || isGiven(one, facts))
    .map(({ engine }) => engine);
  return [...new Set([...first, ...ENGINE_NAMES])];
}

/**
 * Picks the engine of a service: the one it names, else the config's, else the one that it is on as long as
 * that can, else the first that can.
 */
export function selectEngine(service: Service, asked: Asked, ground: Ground): Selection {
  const named = namedEngine(service, asked);
  if (named !== "auto") return selectNamed(service, named, ground);
  const refused: Refusal[] = [];
  for (const engine of enginesFor(service, ground.facts, asked.held)) {
    const reasons = reasonsAgainst(service, engine, ground);
    if (reasons.length === 0) return choice(service, engine, refused, asked, ground);
    refused.push({ engine, reasons });
  }
  return { engine: undefined, reasons: merged(refused.filter(isBuilt(ground))) };
}

/** The engine that is asked for by name, the service's word before the config's. */
export function namedEngine(service: Service, { configured }: Asked): EngineName | "auto" {
  return service.engine === "auto" ? configured : service.engine;
}

/** Why an engine cannot serve a service. */
interface Refusal {
  readonly engine: EngineName;
  readonly reasons: readonly Reason[];
}

function selectNamed(service: Service, engine: EngineName, ground: Ground): Selection {
  const reasons = reasonsAgainst(service, engine, ground);
  if (reasons.length === 0) {
    return { engine, reason: `${explain(service, engine)}; asked for by name` };
  }
  return {
    engine: undefined,
    reasons: reasons.map((reason) => worded([engine], reason, isOfEngine(reason))),
  };
}

/** @param refused those that were asked before */
function choice(
  service: Service,
  best: EngineName,
  refused: readonly Refusal[],
  { held }: Asked,
  ground: Ground,
): Selection {
  if (held && held !== best && reasonsAgainst(service, held, ground).length === 0) {
    const reason = `${explain(service, held)}; on it already, while ${best} would be better`;
    return { engine: held, reason, better: best };
  }
  // Engines that are not there are no reason for or against anything.
  const [first] = refused.filter(isBuilt(ground));
  const because = first
    ? `; ${first.engine} would be first, and cannot here: ${first.reasons[0]!.message}`
    : "";
  const reason = explain(service, best) + because + unasked(service, best, ground);
  return { engine: best, reason };
}

function isBuilt({ candidates }: Ground) {
  return ({ engine }: Refusal) => candidates.some(({ name }) => name === engine);
}

/** How an engine and a service go together. */
export interface Judgement extends Merits {
  readonly name: EngineName;
  readonly possible: boolean;
  /** Why not; none where it is possible. */
  readonly reasons: readonly string[];
  /** What using it takes, or leaves open: modules to load, capabilities that could not be tried. */
  readonly conditions: readonly string[];
}

/** What each engine would be for a service, best first. Pure. */
export function judgeEngines(service: Service, ground: Ground): Judgement[] {
  return enginesFor(service, ground.facts).map((name) => {
    const reasons = reasonsAgainst(service, name, ground)
      .map(({ path, message }) => path[0] === "engine" ? message : `${path.join(".")}: ${message}`);
    const possible = reasons.length === 0;
    const conditions = possible ? conditionsOf(service, name, ground) : [];
    return { name, possible, reasons, conditions, ...meritsOf(name, service) };
  });
}

function conditionsOf(service: Service, name: EngineName, { candidates, facts }: Ground): string[] {
  const engine = candidates.find((each) => each.name === name)!;
  const used = new Set([...engine.requires, ...engine.needs(service)]);
  const words: Partial<Record<Capability["answer"], string>> = {
    loadable: "takes a module that is not loaded",
    unknown: "could not be found out",
  };
  return facts.capabilities.filter(({ id, answer }) => used.has(id) && words[answer])
    .map(({ id, answer, evidence }) => `${id} ${words[answer]}: ${evidence}`);
}

/** Every reason why an engine cannot serve a service here; none where it can. Pure. */
export function reasonsAgainst(
  service: Service,
  engine: EngineName,
  { candidates, reports, facts, nodes = 1 }: Ground,
): Reason[] {
  const candidate = candidates.find(({ name }) => name === engine);
  const report = reports.find(({ name }) => name === engine);
  if (!candidate || !report?.possible) {
    return (report?.reasons ?? []).map((message) => ({ path: ["engine"], message }));
  }
  const verdict = candidate.supports(service);
  const lacking = lackingNeeds(candidate.needs(service), facts);
  const ofTier = tierReasons(service, engine, nodes);
  return [...(verdict.ok ? [] : verdict.reasons), ...ofTier, ...lacking];
}

function lackingNeeds(needs: readonly string[], facts: Facts): Reason[] {
  if (needs.length === 0) return [];
  return facts.capabilities.filter((each) => needs.includes(each.id) && !isPossible(each))
    .map(({ id, purpose, evidence }) => ({
      path: ["engine"],
      message: `${purpose} needs ${id}: ${evidence}`,
    }));
}

/** What several engines say alike is said once, and everything with whose it is. */
function merged(refused: readonly Refusal[]): Reason[] {
  const said = refused.flatMap(({ engine, reasons }) =>
    reasons.map((reason) => ({ engine, reason }))
  );
  const alike = Map.groupBy(said, ({ reason }) => JSON.stringify(reason));
  return Array.from(alike.values(), (group) => {
    const { reason } = group[0]!;
    const named = refused.length > 1 || isOfEngine(reason);
    return worded(group.map(({ engine }) => engine), reason, named);
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

function explain(service: Service, engine: EngineName): string {
  const where = engine === "nfqueue" ? "one packet per connection in user space" : "in-kernel";
  return `${where}; ${service.scheduler} ${fitOf(service, engine)}`;
}

function fitOf(service: Service, engine: EngineName): string {
  if (isMeasured(service)) return `by weights that follow ${MEASURES[service.scheduler]}`;
  if (engine === "ipvs") return "is one of IPVS's own schedulers";
  if (engine === "nfqueue" && isByLoad(service)) {
    return "by the connections there are at that moment";
  }
  if (isByLoad(service)) return "by weights that follow the connections at each reconcile";
  const { scheduler } = service;
  return scheduler === "sh" || scheduler === "maglev" ? "fits hashed slot maps" : "fits slot maps";
}
