import { intentsOf } from "../../health/drain.ts";
import { type AskedBackend, askedBackends } from "../../health/load.ts";
import { judge, type Judged, type Known, type Seen } from "../../health/pass.ts";
import { withTraffic } from "../../health/passive.ts";
import { type Standings, standingsOf } from "../../health/standing.ts";
import { type CheckedBackend, checkedBackends, targetOf } from "../../health/target.ts";
import type { HealthChange, HealthRow, HealthState } from "../../model/health.ts";
import type { IntentRow } from "../../model/intent.ts";
import { fullName, type Health, nameOfKey, type Service } from "../../model/service.ts";
import type { Config } from "../../model/settings.ts";
import type { BackendRow } from "../../store/ids.ts";
import type { Store } from "../../store/store.ts";
import type { Outcome } from "../outcome.ts";
import type { Machine } from "../request.ts";
import { noteFigures, noteTimes } from "./measure.ts";
import { observeTraffic } from "./passive.ts";

/** Whose turn it is, by what is known of it. */
export type IsDue = (
  looked: { readonly health: Pick<Health, "interval_ms"> },
  known: { readonly checked_at_ms: number } | undefined,
) => boolean;

/** Every backend is checked. */
export const EVERYBODY: IsDue = () => true;

/** Those whose interval is over by then, or will be within `slack_ms`. */
export function dueAfter(now_ms: number, slack_ms: number): IsDue {
  return ({ health }, known) =>
    known === undefined || now_ms - known.checked_at_ms >= health.interval_ms - slack_ms ||
    now_ms < known.checked_at_ms;
}

/** Somebody waits for `lb apply`: thousands of backends that do not answer must not keep it for minutes. */
const FIRST_LOOK_MS = 1_000;

/**
 * Whoever wants the lock, and deadlines of drains, wait for the checks of a pass: none begins later than this, and
 * who is left out is due in the next pass.
 */
const PASS_LOOK_MS = 5_000;

/** Only those of whom nothing is known. */
const NEVER_SEEN: IsDue = (_, known) => known === undefined;

/**
 * Checks backends and puts on record what follows. What a run then does with it is up to the run.
 *
 * @returns what has changed
 */
export async function healthPass(
  machine: Machine,
  config: Pick<Config, "services">,
  isDue: IsDue,
): Promise<readonly HealthChange[]> {
  const changes = await lookAfter(machine, config, {
    isDue,
    begin_within_ms: PASS_LOOK_MS,
    first: "healthy",
  });
  forgetUnchecked(machine, config);
  return changes;
}

/** Whose turn it is, and for how long. */
interface Looking {
  readonly isDue: IsDue;
  readonly begin_within_ms: number;
  /** What those count as that were never checked. */
  readonly first: HealthState;
  /** Who is not checked whatever his turn, by `nameOf`. Asked only where there is somebody to check. */
  readonly leftOut?: () => ReadonlySet<string>;
}

async function lookAfter(
  machine: Machine,
  { services }: Pick<Config, "services">,
  { isDue, begin_within_ms, first, leftOut }: Looking,
): Promise<readonly HealthChange[]> {
  const { store: { health }, kernel: { clock } } = machine;
  const intents = machine.store.intents.all();
  const unwatched = resting(intents);
  const checked = checkedBackends(asWanted(services, intents));
  const known = { rows: health.all(), panics: health.panics() };
  const find = finder(known.rows);
  const inTurn = checked.filter((one) => isDue(one, find(one)));
  const spared = inTurn.length === 0 ? [] : [unwatched, leftOut?.()];
  const due = byAge(
    inTurn.filter((one) => !spared.some((names) => names?.has(nameOfChecked(one)))),
    find,
  );
  const asked = dueToAsk(machine, services, isDue)
    .filter(({ service, key }) => !unwatched.has(nameOf({ service: service.name, backend: key })));
  // All at once: whoever hangs is waited for once.
  const targets = [...due.map(targetOf), ...asked.map(({ target }) => target)];
  if (targets.length === 0) return [];
  const results = await machine.check(targets, { begin_within_ms });
  noteFigures(machine, asked, results.slice(due.length));
  noteTimes(machine, due.map((one, index) => ({ ...one, result: results[index] })));
  // What became of connections is asked for once: of who is left out, the next pass has to.
  const looked = due.filter((_, index) => results[index]);
  const traffic = await observeTraffic(machine, looked, checked);
  const resultOf = new Map(
    due.map((one, index) => [one, withTraffic(results[index], traffic.get(one))]),
  );
  const seen = checked.map((one): Seen => ({ ...one, result: resultOf.get(one) }));
  return record(machine, seen, judge(seen, known, clock.now_ms(), first), known, clock.now_ms());
}

/** Who was looked at longest ago comes first: where there is no time for all, it is not always the same who wait. */
function byAge<One>(
  due: readonly One[],
  find: (one: One) => { readonly checked_at_ms: number } | undefined,
): One[] {
  const age = (one: One) => find(one)?.checked_at_ms ?? 0;
  return due.toSorted((one, other) => age(one) - age(other));
}

/** Backends whose turn it is to be asked for their load. */
function dueToAsk(
  { store }: Pick<Machine, "store">,
  services: readonly Service[],
  isDue: IsDue,
): AskedBackend[] {
  const asked = askedBackends(services);
  if (asked.length === 0) return [];
  const known = new Map(
    store.loads.all().filter(({ scheduler }) => scheduler === "cpu").map((row) => [
      nameOf(row),
      row,
    ]),
  );
  const find = ({ service, key }: AskedBackend) =>
    known.get(nameOf({ service: service.name, backend: key }));
  return byAge(asked.filter((one) => isDue(one.target, find(one))), find);
}

/**
 * Checks the backends that are new, so that none of them gets a connection before it has answered once. Not for
 * longer than some time-outs, however many there are: who is left gets connections, and is checked by the next pass.
 */
export async function checkNew(
  machine: Machine,
  config: Pick<Config, "services">,
): Promise<readonly HealthChange[]> {
  const { backends } = machine.store;
  const isServed = ({ released_at_ms }: BackendRow) => released_at_ms === null;
  return await lookAfter(machine, config, {
    isDue: NEVER_SEEN,
    begin_within_ms: FIRST_LOOK_MS,
    first: "unknown",
    leftOut: () => new Set(backends.all().filter(isServed).map(nameOf)),
  });
}

/** Forgets backends and services that a config which is in force by now does not check: who comes back is new. */
export function forgetUnchecked(
  { store }: Pick<Machine, "store">,
  { services }: Pick<Config, "services">,
): void {
  const { health } = store;
  const checked = checkedBackends(services);
  const kept = new Set(checked.map(nameOfChecked));
  const names = new Set(checked.map(({ service: { name } }) => name));
  const gone = health.all().filter((row) => !kept.has(nameOf(row)));
  if (gone.length === 0) return;
  store.transaction(() => {
    health.forget(gone);
    health.putPanics(health.panics().filter(({ service }) => names.has(service)));
  });
}

function record(
  { store }: Pick<Machine, "store">,
  seen: readonly Seen[],
  { rows, panics, changes }: Judged,
  known: Known,
  now_ms: number,
): readonly HealthChange[] {
  const before = new Set(known.rows);
  const judged = new Set(seen.map(({ service: { name } }) => name));
  const others = known.panics.filter(({ service }) => !judged.has(service));
  store.transaction(() => {
    store.health.put(rows.filter((row) => !before.has(row)));
    if (panics.length + known.panics.length > 0) store.health.putPanics([...others, ...panics]);
    for (const change of changes) store.events.add({ at_ms: now_ms, ...change });
  });
  return changes;
}

/** Who drains or is in maintenance serves nobody new: it is like weight 0 to the others. Pure. */
function asWanted(services: readonly Service[], rows: readonly IntentRow[]): readonly Service[] {
  if (rows.length === 0) return services;
  const intents = intentsOf(rows);
  return services.map((service) => ({
    ...service,
    backends: service.backends.map((backend) =>
      (intents(service, backend)?.intent ?? "ready") === "ready"
        ? backend
        : { ...backend, weight: 0 }
    ),
  }));
}

/** In maintenance a backend may do what it likes: nobody asks how it is. @returns who is, by `nameOf` */
function resting(rows: readonly IntentRow[]): ReadonlySet<string> {
  return new Set(rows.filter(({ intent }) => intent === "maintenance").map(nameOf));
}

function finder(rows: readonly HealthRow[]) {
  const byName = new Map(rows.map((row) => [nameOf(row), row]));
  return (checked: CheckedBackend) => byName.get(nameOfChecked(checked));
}

function nameOfChecked({ service, key }: CheckedBackend): string {
  return nameOf({ service: service.name, backend: key });
}

function nameOf({ service, backend }: Pick<HealthRow, "service" | "backend">): string {
  return fullName(service, backend);
}

/** What follows from everything on record. @param now_ms milliseconds since 1970 */
export function knownStandings(
  { store: { health } }: Pick<Machine, "store">,
  now_ms: number,
): Standings {
  return standingsOf(health.all(), health.panics(), now_ms);
}

/** Adds what there is to tell of backends' health. */
export function withHealth(
  outcome: Outcome,
  changes: readonly HealthChange[],
  { store }: Pick<Machine, "store">,
): Outcome {
  const health = [...changes, ...outcome.health ?? []];
  const ill = unwell(store);
  return { ...outcome, ...health.length > 0 && { health }, ...ill.length > 0 && { unwell: ill } };
}

/** Of an unhealthy backend whose last check did not fail. */
export const RISING = "its last check succeeded, more have to";

/** What is not well, a sentence for each: backends that get no connections, services in panic. */
function unwell({ health, intents }: Pick<Store, "health" | "intents">): string[] {
  const unwatched = resting(intents.all());
  const isMissed = (row: HealthRow) => isIll(row) && !unwatched.has(nameOf(row));
  const ill = health.all().filter(isMissed).map(({ service, backend, state, reason }) =>
    `${service}: backend ${nameOfKey(backend)} is ${state}: ${reason || RISING}`
  );
  const panics = health.panics().map(({ service }) =>
    `${service}: more of its backends fail than is believed`
  );
  return [...ill, ...panics];
}

/** Whether a backend gets no connections because of its checks. */
function isIll({ state, reason }: HealthRow): boolean {
  return state === "unhealthy" || state === "unknown" && reason !== "";
}
