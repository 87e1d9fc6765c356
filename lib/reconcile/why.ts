import type { Ask, Fate, Step, Surroundings, Way } from "../engine/why.ts";
import type { Engine } from "../engine/engine.ts";
import { ENGINES } from "../engine/registry.ts";
import type { FlowEnd, FlowQuestion } from "../model/flow.ts";
import type { EngineName } from "../model/service.ts";
import type { DesiredState, PlacedService } from "../model/state.ts";
import { committedOf, recall } from "./memory.ts";
import { asksOf } from "./why/asks.ts";
import { type Connection, readConnections, refersTo } from "./why/connections.ts";
import { workerWords } from "./why/worker.ts";
import { driftedObjects, type Onlooker } from "./status.ts";

/** A question, and of which services it is meant. */
export interface FlowRequest extends FlowQuestion {
  /** Undefined: of every service that may be meant. */
  readonly service?: string;
}

/** A backend that it may be. */
export interface ShareOf {
  readonly backend: FlowEnd;
  /** From 0 to 1. */
  readonly share: number;
}

/** Where a flow goes, and why. */
export interface FlowExplanation {
  readonly ask: Ask;
  /** `connected`: there is a connection, and this is where it goes. */
  readonly answer: "connected" | Fate;
  readonly service: string | null;
  readonly engine: EngineName | null;
  /** Where it goes; null where that is not one backend. */
  readonly backend: FlowEnd | null;
  /** Of those that it may be, where that is not one. */
  readonly shares: readonly ShareOf[];
  /** Why it cannot be told which, or why there is none. */
  readonly reason: string | null;
  /** What makes the answer uncertain, a sentence for each. */
  readonly doubts: readonly string[];
  /** What the kernel knows of such a connection, also of one that is over. */
  readonly connection: Connection | null;
  readonly steps: readonly Step[];
}

/** Rules of one engine, as the kernel holds them. */
interface Part {
  readonly engine: Engine;
  readonly state: DesiredState;
  readonly explain: (asks: readonly Ask[]) => readonly Way[];
}

/**
 * Where flows go by what the kernel holds: the connection where there is one, else the choice that its tables would
 * make. Reads only. Of a question without a VIP there is an answer for each service.
 *
 * @returns in the order of the questions; nothing where nothing is in force that could be meant
 * @throws {KernelError} where the kernel cannot be asked
 */
export async function explainFlows(
  machine: Onlooker,
  questions: readonly FlowRequest[],
): Promise<FlowExplanation[]> {
  for (let attempt = 1;; attempt++) {
    const stamp = await stampOf(machine);
    const found = await look(machine, questions);
    if (attempt === ATTEMPTS_MAX || stamp === await stampOf(machine)) return found;
  }
}

/** So often it is looked anew where somebody changes the rules meanwhile. */
const ATTEMPTS_MAX = 5;

async function stampOf(machine: Onlooker): Promise<string> {
  const there = ENGINES.filter(({ name }) => recall(machine, name).record);
  return (await Promise.all(there.map((engine) => engine.stamp(machine.kernel)))).join("\n");
}

async function look(
  machine: Onlooker,
  questions: readonly FlowRequest[],
): Promise<FlowExplanation[]> {
  const parts = await readParts(machine);
  if (parts.length === 0) return [];
  const services = parts.flatMap(({ state }) => state.services);
  const connections = readConnections(machine, parts.map(({ state }) => state), questions);
  const asks = questions.flatMap((question) => asksOf(question, services, connections));
  const ways = parts.map(({ explain }) => explain(asks));
  return asks.map((ask, index) => {
    const found = parts.map((part, at) => ({ part, way: ways[at]![index]! }));
    return explanationOf(ask, found, connections.filter((one) => refersTo(one, ask)));
  });
}

/** The names of services in force here, for who asks of one. */
export function servicesInForce(
  { store, host }: Pick<Onlooker, "store" | "host">,
): readonly string[] {
  return ENGINES.flatMap(({ name }) => [...store.commits.services(name, host).keys()]);
}

async function readParts(machine: Onlooker): Promise<Part[]> {
  const parts: Part[] = [];
  for (const engine of ENGINES) {
    const part = await readPart(machine, engine);
    if (part) parts.push(part);
  }
  return parts;
}

/** What was committed of an engine, beside what the kernel holds now. @returns undefined where nothing was */
async function readPart(machine: Onlooker, engine: Engine): Promise<Part | undefined> {
  const memory = recall(machine, engine.name);
  if (!memory.record) return undefined;
  const frame = JSON.parse(memory.record.frame_json) as Omit<DesiredState, "services">;
  const committed = committedOf(machine, engine, memory.record, { ...frame, services: [] });
  const drift = await driftedObjects(machine, engine, committed.state, memory);
  const around: Surroundings = { drift, worker: await workerWords(machine, committed.state) };
  return {
    engine,
    state: committed.state,
    explain: (asks) => engine.explain(machine.kernel, committed, asks, around),
  };
}

/** Of two engines, one has a service for it as a rule. */
function explanationOf(
  ask: Ask,
  found: readonly { readonly part: Part; readonly way: Way }[],
  connections: readonly Connection[],
): FlowExplanation {
  const { part, way } = found.find(({ way }) => way.service !== undefined) ??
    found.find(({ way }) => way.fate === "refused") ?? found[0]!;
  const connection = connections.find(({ isOver }) => !isOver) ?? connections[0];
  const { service } = way;
  const base = {
    ask,
    service: service?.name ?? null,
    engine: service ? pathOf(part, service) : null,
    connection: connection ?? null,
  };
  if (connection && !connection.isOver) return { ...base, ...connected(connection, way) };
  const before = connection ? [connectionStep(connection)] : [];
  return {
    ...base,
    answer: way.fate,
    backend: endOf(service, way.backend) ?? null,
    shares: (way.shares ?? []).flatMap(({ id, share }) => {
      const backend = endOf(service, id);
      return backend ? [{ backend, share }] : [];
    }),
    reason: way.reason ?? null,
    doubts: way.doubts,
    steps: [...before, ...way.steps],
  };
}

/** What is established goes on, whatever the tables say by now. */
function connected(
  connection: Connection,
  { steps }: Way,
): Pick<FlowExplanation, "answer" | "backend" | "shares" | "reason" | "doubts" | "steps"> {
  const vip = steps.filter(({ step }) => step === "vip");
  return {
    answer: "connected",
    backend: connection.backend,
    shares: [],
    reason: connection.backend
      ? null
      : "it was there before lb's rules, or nobody took it: no backend has it",
    doubts: [],
    steps: [...vip, connectionStep(connection)],
  };
}

function connectionStep({ message }: Connection): Step {
  return { step: "connection", message };
}

function endOf(service: PlacedService | undefined, id: number | undefined): FlowEnd | undefined {
  const found = service?.backends.find((backend) => backend.id === id);
  return found && { address: found.address, port: found.port };
}

function pathOf({ engine }: Part, { queued }: PlacedService): EngineName {
  return queued ? "nfqueue" : engine.name;
}
