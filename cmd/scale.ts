import type { Edit } from "../lib/config/edit/edit.ts";
import type { Wish } from "../lib/health/drain.ts";
import { formatEndpoint } from "../lib/model/address.ts";
import { EXIT_OK, LbError } from "../lib/model/error.ts";
import type { HealthChange } from "../lib/model/health.ts";
import type { IntentRow } from "../lib/model/intent.ts";
import { addressOfKey, backendKey } from "../lib/model/service.ts";
import type { Granted, Wanted } from "../lib/reconcile/drain/intents.ts";
import type { Outcome } from "../lib/reconcile/outcome.ts";
import type { Machine } from "../lib/reconcile/request.ts";
import type { Store } from "../lib/store/store.ts";
import { report } from "./change/change.ts";
import { changeConfig, type NewConfig } from "./change/config_change.ts";
import { context, type Places } from "./context.ts";
import { lookAfterDrains, withChanges, without } from "./change/drains.ts";
import { refuseOnTrial } from "./change/trial.ts";
import {
  collect,
  type Endpoint,
  parseEndpoint,
  parseWeightedEndpoint,
  type WeightedEndpoint,
} from "./shared/endpoint.ts";
import { type End, examples, lockingCommand, parseCount, placesOf } from "./shared/options.ts";

const NO_ENDPOINTS: readonly Endpoint[] = [];
const NO_WEIGHTED: readonly WeightedEndpoint[] = [];

/** `lb scale` */
export function scaleCommand(end: End) {
  return lockingCommand("scale")
    .summary("add backends, change weights, drain backends, take them out")
    .description(
      "Edits lb.toml, keeping its comments and layout, and applies it: all changes of one call as " +
        "one. Established connections are not touched, unless a drain comes to its deadline.",
    )
    .argument("[service]", "the service's name; not with --tier")
    .option(
      "--add <addr[:port][=weight]>",
      "add a backend",
      collect(parseWeightedEndpoint),
      NO_WEIGHTED,
    )
    .option(
      "--weight <addr[:port]=weight>",
      "change a weight",
      collect(parseWeightedEndpoint),
      NO_WEIGHTED,
    )
    .option(
      "--drain <addr[:port]>",
      "no new connections; what is left at the deadline is cut",
      collect(parseEndpoint),
      NO_ENDPOINTS,
    )
    .option(
      "--maintenance <addr[:port]>",
      "no new connections and no checks, until --ready",
      collect(parseEndpoint),
      NO_ENDPOINTS,
    )
    .option(
      "--ready <addr[:port]>",
      "take it back from a drain or maintenance",
      collect(parseEndpoint),
      NO_ENDPOINTS,
    )
    .option(
      "--remove <addr[:port]>",
      "drain it, then take it out of the config",
      collect(parseEndpoint),
      NO_ENDPOINTS,
    )
    .option(
      "--now",
      "with --remove: at once; established tcp ends by itself, udp flows move",
      false,
    )
    .option("--cut", "with --drain or --remove: reset what is established at once", false)
    .option("--wait", "follow drains to their end; Ctrl-C leaves them running", false)
    .option("--tier <nodes>", "set how many load balancers there are", parseCount)
    .option("--plan", "print what would change, and change nothing", false)
    .addHelpText(
      "after",
      examples(
        ["lb scale web --weight 198.51.100.11=50", "half of its 100"],
        ["lb scale web --weight 198.51.100.11=0", "no new connections, the established go on"],
        ["lb scale web --add [2001:db8:b::13]:8080=100", "one more backend"],
        ["lb scale web --drain 198.51.100.12 --wait", "until its connections have ended"],
        ["lb scale web --ready 198.51.100.12", "it gets connections again"],
        ["lb scale web --maintenance 198.51.100.12", "out for as long as you say"],
        ["lb scale web --remove 198.51.100.12 --wait", "drained first, then out of lb.toml"],
        ["lb scale web --remove 198.51.100.12 --now", "out of the tables at once"],
        ["lb scale web --remove 198.51.100.12 --cut", "its connections are reset"],
        ["lb scale --tier 2", "two load balancers behind one router"],
      ),
    )
    .action(async (service, options) => {
      context.needRoot("scale");
      const places = placesOf(options);
      const { lockTimeout: lockTimeout_ms, json, plan } = options;
      const scaled = await scaleBackends(places, service, options, { lockTimeout_ms, plan });
      const { outcome: told, waited } = scaled;
      const isFollowed = options.wait && !plan;
      // One document, when all of it is over.
      const isLater = isFollowed && json;
      const exitCode = isLater ? EXIT_OK : await report(told, { json, planned: plan });
      if (!isFollowed) return end(exitCode);
      const { followDrains } = await import("./scale/follow.ts");
      const follow = { service: service!, waited, lockTimeout_ms, json, outcome: told };
      end(await followDrains(places, follow));
    });
}

/** What was done, or would be, and the drains that were asked for, as they began. */
export interface Scaled {
  readonly outcome: Outcome;
  readonly waited: readonly IntentRow[];
}

/** How a change is gone about. */
export interface ScaleManner {
  readonly lockTimeout_ms: number;
  readonly plan: boolean;
  /** Told, with the lock held, what the file has in it and is wanted of the service's backends. @throws what is against it */
  readonly found?: (text: string, intents: readonly IntentRow[]) => void;
}

/** The one way of every change of a service's backends, whoever asks for it. @throws {LbError} */
export async function scaleBackends(
  places: Places,
  service: string | undefined,
  options: ScaleOptions,
  { lockTimeout_ms, plan, found }: ScaleManner,
): Promise<Scaled> {
  const order = orderOf(service, options);
  const notes: string[] = [];
  let changes: readonly HealthChange[] = [];
  let waited: readonly IntentRow[] = [];
  const outcome = await changeConfig({
    places,
    lockTimeout_ms,
    dryRun: plan,
    async config(machine) {
      refuseOnTrial(machine.store);
      const wanted = await editedConfig(machine.store, places, order, { notes, found });
      if (order.wants.length === 0) return wanted;
      const granted = await grantAll(machine, wanted, order, plan);
      changes = granted.changes;
      waited = granted.rows.filter((row) =>
        order.wants.some((want) => isDrainOf(want, row, service))
      );
      return granted.wanted;
    },
    async after(machine, outcome) {
      const told = await recorded(machine, outcome, changes);
      return await lookAfterDrains(machine, told, { places, lockTimeout_ms });
    },
  });
  const planned = changes.map(({ message }) => message);
  const told = [...notes, ...plan ? planned : [], ...outcome.notes];
  return { outcome: { ...outcome, notes: told }, waited };
}

/** What is asked for: nothing, by itself. */
export const NO_CHANGES: ScaleOptions = {
  add: [],
  weight: [],
  drain: [],
  maintenance: [],
  ready: [],
  remove: [],
  now: false,
  cut: false,
  wait: false,
};

/** What `lb scale` is asked for. */
export interface ScaleOptions {
  readonly add: readonly WeightedEndpoint[];
  readonly weight: readonly WeightedEndpoint[];
  readonly drain: readonly Endpoint[];
  readonly maintenance: readonly Endpoint[];
  readonly ready: readonly Endpoint[];
  readonly remove: readonly Endpoint[];
  readonly now: boolean;
  readonly cut: boolean;
  readonly wait: boolean;
  readonly tier?: number;
}

/** What is asked for, all of it as one change. */
interface Order {
  readonly service?: string;
  readonly edits: readonly Edit[];
  readonly wants: readonly Wanted[];
  readonly tier?: number;
  /** For the record: what was asked, without the options that only say where. */
  readonly command: string;
}

/** @throws {LbError} `usage` */
function orderOf(service: string | undefined, options: ScaleOptions): Order {
  if (options.tier !== undefined) return tierOrder(service, options.tier, options);
  if (service === undefined) throw new LbError("usage", "which service? lb scale SERVICE …");
  refuseOdd(options);
  const edits = editsOf(service, options);
  const wants = wantsOf(options);
  if (edits.length + wants.length === 0) {
    throw new LbError(
      "usage",
      "nothing to do: give --add, --weight, --drain, --maintenance, --ready or --remove",
    );
  }
  return { service, edits, wants, command: commandOf(service, options) };
}

function tierOrder(service: string | undefined, tier: number, options: ScaleOptions): Order {
  const isAlone = service === undefined && listsOf(options).every((list) => list.length === 0) &&
    !options.wait;
  if (!isAlone) {
    throw new LbError("usage", "--tier is about all services: give it alone, without a service");
  }
  return { edits: [], wants: [], tier, command: `lb scale --tier ${tier}` };
}

function listsOf({ add, weight, drain, maintenance, ready, remove }: ScaleOptions) {
  return [add, weight, drain, maintenance, ready, remove];
}

function refuseOdd({ weight, drain, remove, now, cut, wait }: ScaleOptions): void {
  if (weight.some((each) => each.weight === undefined)) {
    throw new LbError("usage", "--weight needs a weight: --weight ADDR[:PORT]=WEIGHT");
  }
  if (now && remove.length === 0) throw new LbError("usage", "--now goes with --remove");
  if (cut && drain.length + remove.length === 0) {
    throw new LbError("usage", "--cut goes with --drain or --remove");
  }
  if (wait && drain.length + remove.length === 0) {
    throw new LbError("usage", "--wait follows drains: it goes with --drain or --remove");
  }
}

/** Who is cut is drained with no time left: that ends in the same run. */
function isAtOnce({ now, cut }: ScaleOptions): boolean {
  return now && !cut;
}

function editsOf(service: string, options: ScaleOptions): Edit[] {
  const { add, weight, remove } = options;
  const removed = isAtOnce(options) ? remove : [];
  return [
    ...add.map((each): Edit => ({ kind: "add", service, ...each })),
    ...weight.map((each): Edit => ({ kind: "weight", service, ...each, weight: each.weight! })),
    ...removed.map((each): Edit => ({ kind: "remove", service, ...each })),
  ];
}

function wantsOf(options: ScaleOptions): Wanted[] {
  const { drain, maintenance, ready, remove, cut: cuts } = options;
  const each = (list: readonly Endpoint[], wish: Wish) => list.map((one) => ({ ...one, wish }));
  return [
    ...each(drain, { kind: "drain", cuts }),
    ...each(maintenance, { kind: "maintenance" }),
    ...each(ready, { kind: "ready" }),
    ...isAtOnce(options) ? [] : each(remove, { kind: "drain", removes: true, cuts }),
  ];
}

/** Puts what is wanted of backends on record, to be taken back where the rest does not come about. */
async function grantAll(
  { store, kernel: { clock } }: Machine,
  wanted: NewConfig,
  { service, wants }: Order,
  isPlan: boolean,
): Promise<Granted & { readonly wanted: NewConfig }> {
  const [{ grant }, { knownStandings }] = await Promise.all([
    import("../lib/reconcile/drain/intents.ts"),
    import("../lib/reconcile/health/health.ts"),
  ]);
  const before = store.intents.all();
  const { config } = wanted.loaded;
  const now_ms = clock.now_ms();
  const standings = knownStandings({ store }, now_ms);
  const { rows, changes } = grant(config, service!, wants, before, now_ms, standings);
  await tryRemovals(wanted.loaded.text, service!, wants);
  if (isPlan) return { wanted: { ...wanted, intents: rows }, rows, changes };
  store.intents.replace(rows);
  return { wanted: { ...wanted, undo: () => store.intents.replace(before) }, rows, changes };
}

/** Whether a drain on record is the one that is wanted. */
function isDrainOf({ address, port, wish }: Wanted, row: IntentRow, service?: string): boolean {
  const key = backendKey({ address, port });
  return row.service === service && row.intent === "drain" && wish.kind === "drain" &&
    (port === undefined ? addressOfKey(row.backend) === address.text : row.backend === key);
}

/** A backend that can never leave the config is refused now, and not when its drain is over. @throws {LbError} */
async function tryRemovals(
  text: string,
  service: string,
  wants: readonly Wanted[],
): Promise<void> {
  const leaving = wants.filter(({ wish }) => wish.kind === "drain" && wish.removes);
  await without(text, leaving.map(({ address, port }) => ({ service, address, port })));
}

async function recorded(
  machine: Machine,
  outcome: Outcome,
  changes: readonly HealthChange[],
): Promise<Outcome> {
  if (changes.length === 0) return outcome;
  const { recordChanges } = await import("../lib/reconcile/drain/drain.ts");
  recordChanges(machine.store, changes, machine.kernel.clock.now_ms());
  return await withChanges(outcome, changes, machine);
}

/** @param notes is told of edits that are not ours, and come with them */
async function editedConfig(
  store: Store,
  places: Places,
  order: Order,
  { notes, found }: Pick<ScaleManner, "found"> & { readonly notes: string[] },
): Promise<NewConfig> {
  const { parseConfig } = await import("../lib/config/load.ts");
  const before = await context.readConfig(places);
  const intents = store.intents.all().filter(({ service }) => service === order.service);
  found?.(before, intents);
  notes.push(...await unappliedNotes(store, before, places.config));
  refuseLeaving(store, order);
  const { text, document } = await editedText(before, order, places.config);
  const loaded = await parseConfig(text, places.config, document);
  return { loaded, command: order.command };
}

/** Who is to leave is in the file still, and may have been taken out of it by hand. @throws {LbError} `usage` */
function refuseLeaving({ intents }: Pick<Store, "intents">, { service, edits }: Order): void {
  const leaving = intents.all().filter((row) => row.removes && row.service === service)
    .map(({ backend }) => backend);
  const added = edits.find((edit) => edit.kind === "add" && leaving.includes(backendKey(edit)));
  if (!added) return;
  const name = formatEndpoint(added.address, added.port);
  throw new LbError(
    "usage",
    `service \`${service}\`: ${name} is being removed; "lb scale ${service} --ready ${name}" keeps it`,
  );
}

async function editedText(text: string, { edits, tier }: Order, file: string) {
  if (tier !== undefined) {
    const { editTier } = await import("../lib/config/edit/tier.ts");
    return editTier(text, tier, file);
  }
  if (edits.length === 0) return { text, document: undefined };
  const { editConfig } = await import("../lib/config/edit/edit.ts");
  return await editConfig(text, edits, file);
}

/** Of what somebody wrote into the file and did not apply. */
async function unappliedNotes(store: Store, text: string, file: string): Promise<string[]> {
  const applied = store.revisions.latestApplied()?.config_text ?? "";
  // The usual case, and the only one that may not take time: it passed every check when it was applied.
  if (applied === text) return [];
  const [{ parseConfig }, { configChanges, unappliedNote }] = await Promise.all([
    import("../lib/config/load.ts"),
    import("../lib/report/unapplied.ts"),
  ]);
  // What is wrong with the file is said of the file as it is.
  const found = await parseConfig(text, file);
  try {
    const { config } = await parseConfig(applied, "what is in force");
    return unappliedNote(file, configChanges(config, found.config));
  } catch (error) {
    if (!(error instanceof LbError)) throw error;
    return unappliedNote(file, ["all of it (this lb cannot read what is in force)"]);
  }
}

function commandOf(service: string, options: ScaleOptions): string {
  const { add, weight, drain, maintenance, ready, remove, now, cut } = options;
  const words = (flag: string, list: readonly WeightedEndpoint[]) =>
    list.map((each) => {
      const tail = each.weight === undefined ? "" : `=${each.weight}`;
      return `--${flag} ${formatEndpoint(each.address, each.port)}${tail}`;
    });
  return [
    "lb scale",
    service,
    ...words("add", add),
    ...words("weight", weight),
    ...words("drain", drain),
    ...words("maintenance", maintenance),
    ...words("ready", ready),
    ...words("remove", remove),
    ...now ? ["--now"] : [],
    ...cut ? ["--cut"] : [],
  ].join(" ");
}
