import { statefulRules } from "../capability/stateful.ts";
import { addressResource } from "../host/address/address.ts";
import { ingressOf } from "../host/neighbour/ingress.ts";
import { observeWays } from "../host/neighbour/observe.ts";
import type { Way } from "../host/neighbour/way.ts";
import type { Address } from "../model/address.ts";
import { LbError } from "../model/error.ts";
import type { EngineName, Service } from "../model/service.ts";
import type { Config } from "../model/settings.ts";
import type { Ingress } from "../model/state.ts";
import type { Kernel } from "../sys/ports.ts";

/** What services take of the machine around: ways to backends, where packets come in, who looks at them. */
export interface Links {
  /** By the backend's address. */
  readonly ways: ReadonlyMap<string, Way>;
  readonly ingress: Ingress;
  /** Whose rules look at conntrack's states, if anybody's; looked for where a service is on IPVS. */
  readonly watched?: string;
}

/** For configs without such services. */
export const NO_LINKS: Links = { ways: new Map(), ingress: { interfaces: [], routed: [] } };

/** The addresses of backends that are reached by their link address, each once. Pure. */
export function directBackends({ services }: Pick<Config, "services">): Address[] {
  const addresses = services.filter(({ forward }) => forward === "dr")
    .flatMap(({ backends }) => backends.map(({ address }) => address));
  return [...new Map(addresses.map((address) => [address.text, address])).values()];
}

/**
 * Looks at links, routes and neighbours, where a service needs it. The nft engine catches packets where
 * they come in; IPVS has them by way of the machine itself.
 *
 * @param wait_ms how long silent backends are waited for
 * @throws {KernelError} where the kernel cannot be asked
 */
export async function observeLinks(
  kernel: Kernel,
  config: Pick<Config, "services">,
  engineOf: ReadonlyMap<string, EngineName>,
  wait_ms: number,
): Promise<Links> {
  const addresses = directBackends(config);
  const isOnIpvs = config.services.some(({ name }) => engineOf.get(name) === "ipvs");
  const watched = isOnIpvs ? await statefulRules(kernel) : undefined;
  if (addresses.length === 0) return { ...NO_LINKS, watched };
  const interfaces = addressResource.observe(kernel, []);
  const ways = await observeWays(kernel, interfaces, addresses, wait_ms);
  const [direct, others] = [true, false].map((isCaught) =>
    config.services.filter(({ name, forward }) =>
      (forward === "dr" && engineOf.get(name) === "nft") === isCaught
    )
  ) as [Service[], Service[]];
  return {
    ways: new Map(ways.map((way) => [way.address.text, way])),
    ingress: ingressOf(direct, others, interfaces),
    watched,
  };
}

/** What is in the way of backends, a sentence for each. Pure. */
export function obstacles({ ways }: Links): string[] {
  return [...ways.values()].flatMap(({ reason }) =>
    reason === undefined ? [] : [`backend ${reason}`]
  );
}

/**
 * A backend that no link leads to is a mistake of the config; one that is silent may answer any moment.
 *
 * @throws {LbError} `unsupported`
 */
export function refuseOffLink({ ways }: Links): void {
  const lost = [...ways.values()].filter(({ link }) => link === undefined);
  if (lost.length === 0) return;
  const reasons = lost.map(({ reason }) => `forward = "dr": backend ${reason}\n`);
  throw new LbError("unsupported", `${reasons.join("")}Nothing was changed.`);
}
