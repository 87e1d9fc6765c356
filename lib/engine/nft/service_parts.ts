import type { Family } from "../../model/address.ts";
import type { PortRange } from "../../model/service.ts";
import type { PlacedBackend, PlacedService } from "../../model/state.ts";
import type { Draft } from "./draft.ts";
import { serviceNames } from "./names.ts";
import { disjoint } from "./service_rules.ts";

/** What services are made of, however their packets get to the backends. */

/** How a collection is declared that packets add to: a full one forgets nobody, it only takes no more. */
export const DYNAMIC = "flags dynamic,timeout; size 65535;";

/** The backends of one family. */
export function backendsOf(service: PlacedService, family: Family): PlacedBackend[] {
  return service.backends.filter(({ address }) => address.family === family);
}

export function isOne({ first, last }: PortRange): boolean {
  return first === last;
}

export function portText({ first, last }: PortRange): string {
  return first === last ? `${first}` : `${first}-${last}`;
}

/** Sets that decide who is let in. */
export function declareGates(draft: Draft, service: PlacedService, family: Family): void {
  const names = serviceNames(service, family);
  const saddr = family === 4 ? "ip saddr" : "ip6 saddr";
  if (service.max_new_per_second > 0) {
    draft.collection("set", names.rates, `typeof ${saddr}; ${DYNAMIC} timeout 10s;`);
  }
  for (
    const [name, prefixes] of [[names.allow, service.allow], [names.deny, service.deny]] as const
  ) {
    if (prefixes.length === 0) continue;
    draft.collection("set", name, `typeof ${saddr}; flags interval;`);
    for (const prefix of disjoint(prefixes, family)) draft.element(name, prefix);
  }
}

/** The same ports in ranges that do not touch. Pure. */
export function united(ranges: readonly PortRange[]): PortRange[] {
  const result: PortRange[] = [];
  for (const range of ranges.toSorted((a, b) => a.first - b.first)) {
    const last = result.at(-1);
    if (!last || range.first > last.last + 1) result.push(range);
    else if (range.last > last.last) result[result.length - 1] = { ...last, last: range.last };
  }
  return result;
}
