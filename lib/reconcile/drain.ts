import { type Draining, endings, lasting, nextDeadline, secondsLeft } from "../health/drain.ts";
import { endChange } from "../health/intent_change.ts";
import { findFlows, type Flow, type Sought } from "../host/cut/flow.ts";
import { removeCut } from "../host/cut/rules.ts";
import { formatEndpoint } from "../model/address.ts";
import type { HealthChange } from "../model/health.ts";
import type { IntentRow } from "../model/intent.ts";
import { type Backend, backendKey, portRanges, type Service } from "../model/service.ts";
import type { Config } from "../model/settings.ts";
import { rowFinder } from "../store/ids.ts";
import type { Store } from "../store/store.ts";
import { beginCut } from "./cut.ts";
import { knownLayouts } from "./flows.ts";
import type { Machine } from "./request.ts";

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
  const ended = endings(open.map((drain) => drainingOf(drain, flows)), kernel.clock.now_ms());
  const cutIds = new Set(
    ended.filter((one) => one.ended === "cut").map(({ drain }) => idOf(open, drain)),
  );
  const { notes, finish } = await beginCut(machine, flows.filter(({ id }) => cutIds.has(id)));
  const changes = ended.map(({ drain, ended }) =>
    endChange(aboutOf(drainOf(open, drain)), ended, drain.connections)
  );
  record(machine, ended.map(({ drain, ended }) => ({ ...drain.row, ended })), changes);
  const removals = drainsIn(store.intents.all(), config, store)
    .filter(({ row }) => row.ended !== null && row.removes).map(removalOf);
  return { changes, notes, removals, hasEnded: ended.length > 0, finish };
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
  return open.map((drain) => ({
    ...removalOf(drain),
    connections_left: drainingOf(drain, flows).connections,
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
  const byName = new Map(services.map((service) => [service.name, service]));
  return draining.flatMap((row) => {
    const service = byName.get(row.service);
    const backend = service?.backends.find((one) => backendKey(one) === row.backend);
    const id = find(row.service, row.backend)?.id;
    return service && backend && id !== undefined ? [{ row, service, backend, id }] : [];
  });
}

function soughtFor({ id, service, backend }: Drain): Sought {
  const { protocol, vip } = service;
  const { address: { text }, port } = backend;
  return { id, protocol, vips: vip, ports: portRanges(service), address: text, port };
}

function drainingOf({ row, id }: Drain, flows: readonly Flow[]): Draining {
  return { row, connections: flows.filter((flow) => flow.id === id).length };
}

function drainOf(drains: readonly Drain[], { row }: Draining): Drain {
  return drains.find((one) => one.row === row)!;
}

function idOf(drains: readonly Drain[], draining: Draining): number {
  return drainOf(drains, draining).id;
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
