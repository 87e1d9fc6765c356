import type { Facts } from "../capability/facts.ts";
import type { Engine } from "../engine/engine.ts";
import { effectiveWeight } from "../health/effective_weight.ts";
import { NOTHING_TOLD, type Standing, type Standings } from "../health/standing.ts";
import type { Way } from "../host/neighbour/way.ts";
import { LbError } from "../model/error.ts";
import { fitsMark, type MarkLayout } from "../model/mark.ts";
import { queueRange } from "../model/queue.ts";
import { type Backend, backendKey, type EngineName, type Service } from "../model/service.ts";
import type { Config } from "../model/settings.ts";
import type { DesiredState, PlacedBackend, PlacedService } from "../model/state.ts";
import { followsLoad, followsMeasure } from "../scheduler/load.ts";
import { type BackendName, type BackendRow, rowFinder } from "../store/ids.ts";
import { type Links, NO_LINKS } from "./links.ts";
import { isFollowed, type Loads, NO_LOADS, underLoad } from "./load.ts";
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
  { loads = NO_LOADS, standings = NOTHING_TOLD, watch }: Live = {},
): DesiredState {
  const find = rowFinder(rows);
  const services = servicesOn(config, engineOf, engine)
    .map((service): PlacedService => {
      const idOf = (backend: Backend) => find(service.name, backendKey(backend))!.id;
      const backends = placeBackends(service, ways, { idOf, standings });
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
  known: { readonly idOf: (backend: Backend) => number; readonly standings: Standings },
): PlacedBackend[] {
  const isDirect = service.forward === "dr";
  const placed = service.backends.map((backend) => {
    const { isAble, slow_start } = known.standings(service, backend);
    const link = isDirect ? ways.get(backend.address.text)?.link : undefined;
    // What cannot be reached takes no new connections, whatever the config gives it.
    const isReachable = !isDirect || link?.answers === true;
    const effective_weight = effectiveWeight(backend.weight, {
      isAble: isAble && isReachable,
      slow_start,
    });
    const some = { ...isDirect && { link }, ...slow_start < 1 && { slow_start } };
    return { ...backend, id: known.idOf(backend), effective_weight, ...some };
  });
  return withBackups(placed);
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
  { backup, weight, effective_weight, link, slow_start = 1 }: PlacedBackend,
  { state, isAble }: Pick<Standing, "state" | "isAble"> = { state: "healthy", isAble: true },
): string {
  if (effective_weight === weight) return "";
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
