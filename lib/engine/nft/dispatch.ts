import { type Family, formatPrefix, isSingle, type Prefix } from "../../model/address.ts";
import { type PortRange, portRanges } from "../../model/service.ts";
import type { PlacedService } from "../../model/state.ts";
import type { Draft } from "./draft.ts";
import { isOne, portText } from "./service_parts.ts";

/** Services are told apart by the VIP, the protocol and the port that a packet is for. */

/** Names of the maps that say what becomes of a packet for a service. */
export interface DispatchMaps {
  /** Of one address and one port: asked first, so that one inside somebody else's range wins. */
  readonly exact: string;
  /** Of prefixes and ranges. */
  readonly intervals: string;
}

/** What a service is told by: one VIP with some ports. */
export interface DispatchKey {
  readonly vip: Prefix;
  readonly ports: PortRange;
  readonly isExact: boolean;
  /** As an element of a map. */
  readonly text: string;
}

/** The maps that lead to services, in each table of ours. */
export function dispatchMaps(family: Family): DispatchMaps {
  return { exact: `ex${family}`, intervals: `iv${family}` };
}

export function dispatchKeys(service: PlacedService, family: Family): DispatchKey[] {
  return service.vip.filter((vip) => vip.family === family).flatMap((vip) =>
    portRanges(service).map((ports) => {
      const text = `${formatPrefix(vip)} . ${service.protocol} . ${portText(ports)}`;
      return { vip, ports, isExact: isSingle(vip) && isOne(ports), text };
    })
  );
}

/** Whether a service has keys of a family that are no exact ones. */
export function hasIntervals({ vip, ...service }: PlacedService, family: Family): boolean {
  return vip.some((one) =>
    one.family === family && !(isSingle(one) && portRanges(service).every(isOne))
  );
}

export function declareDispatch(
  draft: Draft,
  family: Family,
  { exact, intervals }: DispatchMaps,
  withIntervals: boolean,
): void {
  const key = `typeof ${dispatchMatch(family)} : verdict;`;
  draft.collection("map", exact, key);
  if (withIntervals) draft.collection("map", intervals, `${key} flags interval;`);
}

/** Leads packets for one key to what becomes of them. */
export function addDispatch(
  draft: Draft,
  { exact, intervals }: DispatchMaps,
  { isExact, text }: DispatchKey,
  verdict: string,
): void {
  draft.element(isExact ? exact : intervals, text, verdict);
}

/** A rule that asks one of the maps. */
export function dispatchRule(family: Family, map: string): string {
  return `${dispatchMatch(family)} vmap @${map}`;
}

/** The fields that services are told by, as nft spells them. */
export function dispatchMatch(family: Family): string {
  return `${family === 4 ? "ip" : "ip6"} daddr . meta l4proto . th dport`;
}
