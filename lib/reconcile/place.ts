import type { Facts } from "../capability/facts.ts";
import type { Engine } from "../engine/engine.ts";
import { ALL_READY, type Intents } from "../health/drain.ts";
import { effectiveWeight } from "../health/effective_weight.ts";
import { slowStart } from "../health/slow_start.ts";
import { NOTHING_TOLD, type Standing, type Standings } from "../health/standing.ts";
import type { Way } from "../host/neighbour/way.ts";
import { LbError } from "../model/error.ts";
import type { Intent, IntentRecord } from "../model/intent.ts";
import { fitsMark, type MarkLayout } from "../model/mark.ts";
import { queueRange } from "../model/queue.ts";
import { type Backend, backendKey, type EngineName, type Service } from "../model/service.ts";
import type { Config } from "../model/settings.ts";
import type { DesiredState, PlacedBackend, PlacedService } from "../model/state.ts";
import { followsLoad, followsMeasure } from "../scheduler/load.ts";
import { type BackendName, type BackendRow, rowFinder } from "../store/ids.ts";
import { isFollowed, type Loads, NO_LOADS, underLoad } from "./health/load.ts";
import { type Links, NO_LINKS } from "./links.ts";
import { trackingOf, type Watch } from "./tracking.ts";

/** The names under which the store keeps the ids of all configured backends. */
export function backendNames(services: readonly Service[]): BackendName[] {
  return services.flatMap(({ name, backends }) =>
    backends.map((backend) => ({ service: name, backend: backendKey(backend) }))
  );
}

/** What is known of backends and of the kernel's connections. */
export interface Live {
  readonly loads?: Loads;
  /** What follows from backends' checks. @default nothing is known of any */
  readonly standings?: Standings;
  /** What operators want of backends. @default that they serve */
  readonly intents?: Intents;
  /** Milliseconds since 1970; for who grows back after its intent has changed. @default 0 */
  readonly now_ms?: number;
  /** What needs conntrack's view of what IPVS balances. */
  readonly watch?: Watch;
}

/**
 * What one engine is to bring about: its services, each backend with its id and the weight it has now.
 */
export function placeServices(
  config: Config,
  engineOf: ReadonlyMap<string, EngineName>,
  engine: Pick<Engine, "name" | "serves" | "usesNat" | "variants">,
  rows: readonly BackendRow[],
  facts: Pick<Facts, "capabilities" | "processors">,
  { ways, ingress }: Links = NO_LINKS,
  live: Live = {},
): DesiredState {
  const { loads = NO_LOADS, watch } = live;
  const find = rowFinder(rows);
  const services = servicesOn(config, engineOf, engine)
    .map((service): PlacedService => {
      const idOf = (backend: Backend) => find(service.name, backendKey(backend))!.id;
      const backends = placeBackends(service, ways, idOf, live);
      const isUnderLoad = isFollowed(engine, service);
      const weighted = isUnderLoad ? underLoad(service, backends, loads) : backends;
      return { ...service, backends: weighted };
    });
  for (const service of services) refuseUnmarkable(service, config.marks);
  const tracking = engine.name === "ipvs" ? trackingOf(config, engineOf, watch) : undefined;
  const lacks = lacking(engine, facts);
  const queues = services.some(({ queued }) => queued)
    ? queueRange(facts.processors ?? 1)
    : undefined;
  const some = {
    ...(tracking && { tracking }),
    ...(queues && { queues }),
    ...(config.nodes > 1 && { nodes: config.nodes }),
  };
  return { services, marks: config.marks, ingress, lacks, ...some };
}

/** A service on its data path. */
export type PathService = Service & Pick<PlacedService, "queued">;

/** The services whose rules an engine holds. */
export function servicesOn(
  { services }: Pick<Config, "services">,
  engineOf: ReadonlyMap<string, EngineName>,
  { serves }: Pick<Engine, "serves">,
): PathService[] {
  return services.flatMap((service): PathService[] => {
    const path = engineOf.get(service.name);
    if (path === undefined || !serves.includes(path)) return [];
    return [path === "nfqueue" ? { ...service, queued: true } : service];
  });
}

/** What an engine has to do without on this machine. Unknown is tried: the kernel will say. */
function lacking(
  { variants }: Pick<Engine, "variants">,
  { capabilities }: Pick<Facts, "capabilities">,
) {
  return capabilities.filter(({ id, answer }) => answer === "no" && variants.includes(id))
    .map(({ id }) => id);
}

function placeBackends(
  service: Service,
  ways: ReadonlyMap<string, Way>,
  idOf: (backend: Backend) => number,
  { standings = NOTHING_TOLD, intents = ALL_READY, now_ms = 0 }: Live,
): PlacedBackend[] {
  const isDirect = service.forward === "dr";
  const placed = service.backends.map((backend) => {
    const { isAble, slow_start: recovered } = standings(service, backend);
    const { intent, returned, isOut } = wantedOf(service, intents(service, backend), now_ms);
    const slow_start = Math.min(recovered, returned);
    const link = isDirect ? ways.get(backend.address.text)?.link : undefined;
    // What cannot be reached takes no new connections, whatever the config gives it.
    const isReachable = !isDirect || link?.answers === true;
    const effective_weight = effectiveWeight(backend.weight, {
      isAble: isAble && isReachable,
      intent,
      slow_start,
    });
    const some = {
      ...isDirect && { link },
      ...slow_start < 1 && { slow_start },
      ...intent !== "ready" && { intent },
      ...isOut && { isOut },
    };
    return { ...backend, id: idOf(backend), effective_weight, ...some };
  });
  return withBackups(placed);
}

/** Who is ready again grows back as who has recovered. */
function wantedOf(
  { balance }: Pick<Service, "balance">,
  wanted: IntentRecord | undefined,
  now_ms: number,
): { readonly intent: Intent; readonly returned: number; readonly isOut: boolean } {
  const { intent = "ready", since_ms = 0, ended = null } = wanted ?? {};
  const isBack = wanted !== undefined && intent === "ready";
  const returned = isBack ? slowStart(since_ms, balance.slow_start_ms, now_ms) : 1;
  return { intent, returned, isOut: intent === "drain" && ended !== null };
}

/** A backup has a weight only while no other backend of its family takes new connections. */
function withBackups(placed: readonly PlacedBackend[]): PlacedBackend[] {
  const served = new Set(
    placed.filter(({ backup, effective_weight }) => !backup && effective_weight > 0)
      .map(({ address }) => address.family),
  );
  return placed.map((one) =>
    one.backup && served.has(one.address.family) ? { ...one, effective_weight: 0 } : one
  );
}

const FOLLOWED = { lr: "follows the times of its checks", cpu: "follows its load" } as const;

/** Why a backend's weight is not the configured one now; "" where it is. */
export function weightReason(
  { forward, scheduler }: Pick<Service, "forward" | "scheduler">,
  { backup, weight, effective_weight, link, slow_start = 1, intent }: PlacedBackend,
  { state, isAble }: Pick<Standing, "state" | "isAble"> = { state: "healthy", isAble: true },
): string {
  if (effective_weight === weight) return "";
  if (intent) return intent;
  if (!isAble) return state === "unhealthy" ? "unhealthy" : "was never healthy";
  if (forward === "dr" && !link) return "not on a link of this machine";
  if (forward === "dr" && !link?.answers) return `no answer at ${link?.interface}`;
  if (effective_weight > 0 && slow_start < 1) {
    return `grows back: ${Math.round(slow_start * 100)} %`;
  }
  if (effective_weight > 0 && followsLoad(scheduler)) return "follows its connections";
  if (effective_weight > 0 && followsMeasure(scheduler)) return FOLLOWED[scheduler];
  return backup ? "backup: others take connections" : "";
}

/** Packets after the first are known by their conntrack mark alone. */
function refuseUnmarkable(
  { name, forward, mark, dscp, priority, backends }: PlacedService,
  marks: MarkLayout,
) {
  if (forward === "dr") return;
  if (mark === 0 && dscp === undefined && priority === undefined) return;
  if (backends.every(({ id }) => fitsMark(marks, id))) return;
  throw new LbError(
    "unsupported",
    `service ${name}: mark, dscp and priority need backend ids below ${marks.idMax}, and there are ` +
      "more backends than that: give mark_mask more bits. Nothing was changed.",
  );
}
