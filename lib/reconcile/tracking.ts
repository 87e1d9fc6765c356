import { holderOf } from "../engine/registry.ts";
import type { Retired } from "../host/conntrack/reopen.ts";
import { type EngineName, portRanges, type Service } from "../model/service.ts";
import type { Config } from "../model/settings.ts";
import type { DesiredState, PlacedBackend, PlacedService, Tracking } from "../model/state.ts";
import type { HostStages } from "./host.ts";
import { recall, type Rememberer } from "./memory.ts";

/** What is known of connections and rules that need conntrack's view of what IPVS balances. */
export interface Watch {
  /** What has conntrack see all of it, in words, if anything does. */
  readonly watched?: string;
  /** Backends that answer connections which another engine has translated. */
  readonly answering?: readonly string[];
  /** Whether it is such connections for which conntrack sees all. */
  readonly awaits?: boolean;
}

/**
 * What decides whether conntrack may pass over the packets of services on IPVS; undefined where there are
 * none. Pure.
 */
export function trackingOf(
  { services }: Pick<Config, "services">,
  engineOf: ReadonlyMap<string, EngineName>,
  { watched, answering = [], awaits = false }: Watch = {},
): Tracking | undefined {
  const isOn = (engine: EngineName) => ({ name }: Service) =>
    holderOf(engineOf.get(name)) === engine;
  const balanced = services.filter(isOn("ipvs"));
  if (balanced.length === 0) return undefined;
  const translated = services.filter(isOn("nft")).filter(({ forward }) => forward === "nat");
  const others = new Set([...addressesOf(translated), ...answering]);
  const shared = [...new Set(addressesOf(balanced))].filter((address) => others.has(address));
  return {
    shared,
    awaits: awaits || answering.length > 0,
    ...(watched !== undefined && { watched }),
  };
}

/** What decided when services on IPVS were written last. */
export function committedTracking(
  machine: Pick<Rememberer, "store" | "host">,
): Tracking | undefined {
  const { record } = recall(machine, "ipvs");
  return record && (JSON.parse(record.frame_json) as Partial<DesiredState>).tracking;
}

/** Addresses of all backends of these services. */
export function addressesOf(services: readonly Service[]): string[] {
  return services.flatMap(({ backends }) => backends.map(({ address }) => address.text));
}

/** Why conntrack begins to see what IPVS balances. Pure. */
export function trackingNotes(
  { sysctls }: Pick<HostStages, "sysctls">,
  watched?: string,
): string[] {
  const isBegun = sysctls.some(({ key, after }) => key === IPVS_CONNTRACK && after === "1");
  return isBegun && watched !== undefined ? [watchedNote(watched)] : [];
}

/** What is to be known of rules that look at states, where services are on IPVS. */
export function watchedNote(watched: string): string {
  return `${watched} looks at connections' states, so conntrack follows what IPVS balances; ` +
    "without such rules it is spared that, and IPVS is faster";
}

const IPVS_CONNTRACK = "net.ipv4.vs.conntrack";

/**
 * Backends that took new tcp connections and do not any more, of services whose packets conntrack sees. Pure.
 *
 * @param watched whose rules look at conntrack's states, if anybody's
 */
export function retiredBackends(
  before: readonly PlacedService[],
  after: readonly PlacedService[],
  watched: string | undefined,
): Retired[] {
  const now = new Map(after.map((service) => [service.name, service]));
  return before.filter(({ protocol, forward, masquerade }) =>
    protocol === "tcp" && forward === "nat" && (masquerade || watched !== undefined)
  ).flatMap((service) => {
    const serving = servingIds(now.get(service.name)?.backends ?? []);
    const retired = service.backends.filter(({ id, effective_weight }) =>
      effective_weight > 0 && !serving.has(id)
    );
    return retired.flatMap((backend) => waysTo(service, backend));
  });
}

function servingIds(backends: readonly PlacedBackend[]): Set<number> {
  return new Set(
    backends.filter(({ effective_weight }) => effective_weight > 0).map(({ id }) => id),
  );
}

function waysTo(service: PlacedService, { address, port }: PlacedBackend): Retired[] {
  const ranges = portRanges(service);
  return service.vip.filter(({ family }) => family === address.family).flatMap((vip) =>
    ranges.map((ports) => ({ vip, ports, backend: address.text, backend_port: port }))
  );
}
