import { endings, lasting, nextDeadline, secondsLeft } from "../../health/drain.ts";
import { endChange } from "../../health/intent_change.ts";
import { findFlows, type Flow, type Sought } from "../../host/cut/flow.ts";
import { removeCut } from "../../host/cut/rules.ts";
import { formatEndpoint } from "../../model/address.ts";
import type { HealthChange } from "../../model/health.ts";
import type { DrainEnd, IntentRow } from "../../model/intent.ts";
import { type Backend, backendKey, portRanges, type Service } from "../../model/service.ts";
import type { Config } from "../../model/settings.ts";
import { rowFinder } from "../../store/ids.ts";
import type { Store } from "../../store/store.ts";
import { knownLayouts } from "../flows.ts";
import type { Machine } from "../request.ts";
import { type Cut, prepareCut } from "./cut.ts";

/** What a drain's pass has come to. */
export interface DrainResult {
  readonly changes: readonly HealthChange[];
  /** Worth knowing, and nobody's fault. */
  readonly notes: readonly string[];
  /** Backends that are to leave the config now. */
  readonly removals: readonly Removal[];
  /** Drains have ended, and an engine may have something to clear away. */
  readonly hasEnded: boolean;
  /** To be called when engines have cleared away what they have to. */
  readonly finish: () => Promise<void>;
}

/** A backend whose time is over. */
export interface Removal {
  readonly service: string;
  readonly address: Backend["address"];
  readonly port?: number;
}

/** A drain and whom it is about. */
interface Drain {
  readonly row: IntentRow;
  readonly service: Service;
  readonly backend: Backend;
  readonly id: number;
}

/**
 * Looks after drains: those without connections are over, those at their deadline have the rest cut. Also
 * takes away what an earlier cut has left, and forgets intents of backends that are gone.
 *
 * @param config what is in force
 * @throws {KernelError} where the kernel cannot be asked
 */
export async function drainPass(machine: Machine, config: Config): Promise<DrainResult> {
  const { store, kernel } = machine;
  await endCut(machine);
  const rows = prune(store, config, kernel.clock.now_ms());
  const drains = drainsIn(rows, config, store);
  const open = drains.filter(({ row }) => row.ended === null);
  const flows = findFlows(kernel, knownLayouts(machine, config.marks), open.map(soughtFor));
  const over = overAmong(open, flows, kernel.clock.now_ms());
  const cuts = over.filter(({ ended }) => ended === "cut");
  const cutIds = new Set(cuts.map(({ id }) => id));
  const toCut = flows.filter(({ id }) => cutIds.has(id));
  const { notes, cut, finish } = await prepareCut(machine, toCut);
  const changes = over.map((one) => endChange(aboutOf(one), one.ended, one.connections));
  // First: a run that is killed while it cuts must not leave a drain that seems to have ended by itself.
  record(machine, over.map(({ row, ended }) => ({ ...row, ended })), changes);
  const untold = cutOrTakeBack(machine, cut, cuts);
  const removals = drainsIn(store.intents.all(), config, store)
    .filter(({ row }) => row.ended !== null && row.removes).map(removalOf);
  return { changes, notes: [...notes, ...untold], removals, hasEnded: over.length > 0, finish };
}

/** What goes on after all is cut by the next pass. @throws {KernelError} */
function cutOrTakeBack(
  { store: { intents } }: Machine,
  cut: Cut["cut"],
  drains: readonly Drain[],
): readonly string[] {
  try {
    return cut();
  } catch (error) {
    intents.put(drains.map(({ row }) => row));
    throw error;
  }
}

/** A drain under way. */
export interface OpenDrain {
  readonly service: string;
  readonly address: Backend["address"];
  readonly port?: number;
  readonly connections_left: number;
  readonly seconds_left: number | null;
  /** Milliseconds since 1970. */
  readonly deadline_ms: number | null;
}

/** Drains under way, and what they wait for. Reads only. @throws {KernelError} where the kernel cannot be asked */
export function openDrains(
  machine: Pick<Machine, "kernel" | "store" | "host">,
  config: Config,
): OpenDrain[] {
  const { kernel, store } = machine;
  const open = drainsIn(store.intents.all(), config, store).filter(({ row }) => row.ended === null);
  const flows = findFlows(kernel, knownLayouts(machine, config.marks), open.map(soughtFor));
  const now_ms = kernel.clock.now_ms();
  const counts = countsOf(flows);
  return open.map((drain) => ({
    ...removalOf(drain),
    connections_left: counts.get(drain.id) ?? 0,
    seconds_left: secondsLeft(drain.row, now_ms),
    deadline_ms: drain.row.deadline_ms,
  }));
}

/** When there is something to do for drains, at the latest; undefined where there is not. Since 1970. */
export function nextWake(
  { intents }: Pick<Store, "intents">,
): number | undefined {
  const times = [nextDeadline(intents.all()), intents.cutUntil_ms()];
  const known = times.filter((at_ms) => at_ms !== undefined);
  return known.length > 0 ? Math.min(...known) : undefined;
}

/** Takes the rules of a cut away whose time is over. @param now_ms @default by the clock */
export async function endCut(
  { store, kernel }: Pick<Machine, "store" | "kernel">,
  now_ms = kernel.clock.now_ms(),
): Promise<void> {
  const until_ms = store.intents.cutUntil_ms();
  if (until_ms === undefined || now_ms < until_ms) return;
  await removeCut(kernel);
  store.intents.putCut(undefined);
}

function prune(
  { intents }: Pick<Store, "intents">,
  { services }: Pick<Config, "services">,
  now_ms: number,
): readonly IntentRow[] {
  const known = intents.all();
  const kept = lasting(known, services, now_ms);
  if (kept.length < known.length) intents.replace(kept);
  return kept;
}

function drainsIn(
  rows: readonly IntentRow[],
  { services }: Pick<Config, "services">,
  store: Pick<Store, "backends">,
): Drain[] {
  const draining = rows.filter(({ intent }) => intent === "drain");
  if (draining.length === 0) return [];
  const find = rowFinder(store.backends.all());
  const named = new Set(draining.map(({ service }) => service));
  const byName = new Map(
    services.filter(({ name }) => named.has(name)).map((service) => [
      service.name,
      { service, backends: new Map(service.backends.map((one) => [backendKey(one), one])) },
    ]),
  );
  return draining.flatMap((row) => {
    const { service, backends } = byName.get(row.service) ?? {};
    const backend = backends?.get(row.backend);
    const id = find(row.service, row.backend)?.id;
    return service && backend && id !== undefined ? [{ row, service, backend, id }] : [];
  });
}

/** What connections of a backend are found by. */
export function soughtFor(
  { id, service, backend }: Pick<Drain, "id" | "service" | "backend">,
): Sought {
  const { protocol, vip } = service;
  const { address: { text }, port } = backend;
  return { id, protocol, vips: vip, ports: portRanges(service), address: text, port };
}

/** A drain that is over, and how many connections were left. */
interface Over extends Drain {
  readonly connections: number;
  readonly ended: DrainEnd;
}

function overAmong(drains: readonly Drain[], flows: readonly Flow[], now_ms: number): Over[] {
  const counts = countsOf(flows);
  const draining = drains.map((one) => ({ ...one, connections: counts.get(one.id) ?? 0 }));
  return endings(draining, now_ms).map(({ drain, ended }) => ({ ...drain, ended }));
}

/** How many connections each backend has, by its id: there may be a million, of a thousand drains. */
function countsOf(flows: readonly Flow[]): Map<number, number> {
  const counts = new Map<number, number>();
  for (const { id } of flows) counts.set(id, (counts.get(id) ?? 0) + 1);
  return counts;
}

function aboutOf({ row: { service, backend: key }, backend: { address, port } }: Drain) {
  return { service, backend: key, endpoint: formatEndpoint(address, port) };
}

function removalOf({ row: { service }, backend: { address, port } }: Drain): Removal {
  return { service, address, port };
}

function record(
  { store, kernel }: Pick<Machine, "store" | "kernel">,
  rows: readonly IntentRow[],
  changes: readonly HealthChange[],
): void {
  if (rows.length === 0) return;
  store.transaction(() => {
    store.intents.put(rows);
    recordChanges(store, changes, kernel.clock.now_ms());
  });
}

/** An event for each. @param at_ms milliseconds since 1970 */
export function recordChanges(
  { events }: Pick<Store, "events">,
  changes: readonly HealthChange[],
  at_ms: number,
): void {
  for (const change of changes) events.add({ at_ms, ...change });
}
