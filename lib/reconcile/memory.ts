import type { Committed, Engine, EngineSnapshot } from "../engine/engine.ts";
import type { EngineName } from "../model/service.ts";
import type { DesiredState, PlacedService } from "../model/state.ts";
import type { CommitRecord } from "../store/commits.ts";
import type { HostIdentity } from "../store/journal.ts";
import type { Store } from "../store/store.ts";
import type { Kernel } from "../sys/ports.ts";

/** Whose memory it is. */
export interface Rememberer {
  readonly kernel: Kernel;
  readonly store: Store;
  readonly host: HostIdentity;
  readonly version: string;
}

/** What is known of earlier runs in this boot and network namespace. */
export interface Memory {
  readonly record?: CommitRecord;
  /** Tokens of transactions that were begun and never recorded. */
  readonly pending: readonly string[];
}

/** What is wanted beside what there is: in full, or only where the two may differ. */
export interface View {
  readonly want: EngineSnapshot;
  readonly have: EngineSnapshot;
  /** Of the state that `have` is taken from; undefined where nothing tells. */
  readonly stamp: string;
  /** What was committed here before, if anything. */
  readonly committed?: Committed;
  /** The kernel was read: not only known by its stamp. */
  readonly isLook: boolean;
}

export interface ViewOptions {
  /** The kernel is read, whatever its stamp tells. */
  readonly mustLook?: boolean;
  /** Engines of which nothing can be here: a look at them would load modules. */
  readonly unused?: ReadonlySet<EngineName>;
}

/** What the store remembers of an engine, as far as it holds here and now. */
export function recall(
  { store, host }: Pick<Rememberer, "store" | "host">,
  engine: EngineName,
): Memory {
  return { record: store.commits.get(engine, host), pending: store.commits.pending(engine, host) };
}

/**
 * Holds the wanted state against the kernel. Where the kernel bears the stamp of what was committed last,
 * it holds that, and nothing is read: a change then costs what it changes, however much else there is.
 */
export async function viewOf(
  machine: Rememberer,
  engine: Engine,
  state: DesiredState,
  memory: Memory,
  { mustLook = false, unused }: ViewOptions = {},
): Promise<View> {
  if (!memory.record && unused?.has(engine.name)) {
    const nothing = { ...state, services: [], lingers: false };
    return { want: engine.desired(state), have: engine.desired(nothing), stamp: "", isLook: true };
  }
  const committed = memory.record && committedOf(machine, engine, memory.record, state);
  if (committed && !mustLook && await isUntouched(machine, engine, memory, state)) {
    const { stamp } = memory.record!;
    const both = engine.narrowed(state, committed.state, committed.token);
    return { ...both, stamp: stamp!, committed, isLook: false };
  }
  const { have, stamp } = await engine.observe(machine.kernel, committed);
  return { want: engine.desired(state), have, stamp, committed, isLook: true };
}

/**
 * Whether the kernel still has what was committed last, by this lb, as far as a glance tells.
 *
 * @param state as the machine is now
 */
export async function isUntouched(
  { kernel, host, version }: Pick<Rememberer, "kernel" | "host" | "version">,
  engine: Engine,
  { record, pending }: Memory,
  state: DesiredState,
): Promise<boolean> {
  return !host.isReusable && record !== undefined && pending.length === 0 &&
    record.lb_version === version &&
    record.stamp === await engine.stamp(kernel) && isSameIngress(record, state);
}

/** What hangs on an interface goes with it, and before linux 6.16 no stamp tells. */
function isSameIngress({ frame_json }: CommitRecord, { ingress }: DesiredState): boolean {
  const committed = JSON.parse(frame_json) as Omit<DesiredState, "services">;
  return JSON.stringify(committed.ingress) === JSON.stringify(ingress);
}

/**
 * What was committed. Services that are wanted just so are the wanted objects themselves, so that whoever
 * compares the two states sees it at once.
 */
export function committedOf(
  { store, host }: Rememberer,
  { name }: Engine,
  { token, frame_json }: CommitRecord,
  want: DesiredState,
): Committed {
  const wanted = new Map(want.services.map((service) => [service.name, service]));
  const services = Array.from(store.commits.services(name, host), ([name, json]) => {
    const same = wanted.get(name);
    return same && JSON.stringify(same) === json ? same : JSON.parse(json) as PlacedService;
  });
  const frame = JSON.parse(frame_json) as Omit<DesiredState, "services">;
  let objects: Committed["objects"] | undefined;
  return {
    token,
    state: { ...frame, services },
    // There are several for each backend, and only a look at the kernel asks for them.
    get objects() {
      return objects ??= store.commits.objects(name, host);
    },
  };
}

/** What of a state is not on record yet. */
export interface StateChange {
  readonly frame_json: string;
  /** Services as JSON, by name; undefined: no longer there. */
  readonly services: ReadonlyMap<string, string | undefined>;
}

/** What has to be written to have a state on record. @param committed what is */
export function stateChange(
  { services, ...frame }: DesiredState,
  committed?: Committed,
): StateChange {
  const recorded = new Set(committed?.state.services);
  const names = new Set(services.map(({ name }) => name));
  const gone = [...recorded].filter(({ name }) => !names.has(name));
  return {
    frame_json: JSON.stringify(frame),
    services: new Map([
      ...gone.map(({ name }) => [name, undefined] as const),
      ...services.filter((service) => !recorded.has(service))
        .map((service) => [service.name, JSON.stringify(service)] as const),
    ]),
  };
}
