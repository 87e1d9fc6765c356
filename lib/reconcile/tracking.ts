import type { EngineName, Service } from "../model/service.ts";
import type { Config } from "../model/settings.ts";
import type { DesiredState, Tracking } from "../model/state.ts";
import { recall, type Rememberer } from "./memory.ts";

/**
 * What decides whether conntrack may pass over the packets of services on IPVS; undefined where there are
 * none. Pure.
 *
 * @param watched whose rules look at conntrack's states, if anybody's
 */
export function trackingOf(
  { services }: Pick<Config, "services">,
  engineOf: ReadonlyMap<string, EngineName>,
  watched?: string,
): Tracking | undefined {
  const isOn = (engine: EngineName) => ({ name }: Service) => engineOf.get(name) === engine;
  const balanced = services.filter(isOn("ipvs"));
  if (balanced.length === 0) return undefined;
  const translated = services.filter(isOn("nft")).filter(({ forward }) => forward === "nat");
  const others = new Set(addressesOf(translated));
  const shared = [...new Set(addressesOf(balanced))].filter((address) => others.has(address));
  return { shared, ...(watched !== undefined && { watched }) };
}

/** Whose rules looked at conntrack's states when services on IPVS were written last, if anybody's. */
export function committedWatcher(
  machine: Pick<Rememberer, "store" | "host">,
): string | undefined {
  const { record } = recall(machine, "ipvs");
  return record && (JSON.parse(record.frame_json) as Partial<DesiredState>).tracking?.watched;
}

function addressesOf(services: readonly Service[]): string[] {
  return services.flatMap(({ backends }) => backends.map(({ address }) => address.text));
}
