import {
  type Address,
  addressBytes,
  addressFromBytes,
  contains,
  FAMILIES,
  type Family,
  type Prefix,
} from "../../../model/address.ts";
import {
  familiesOf,
  type PortRange,
  portRanges,
  PROTOCOL_NUMBERS,
} from "../../../model/service.ts";
import type { DesiredState, PlacedBackend, PlacedService } from "../../../model/state.ts";
import { slotsOf } from "../../../scheduler/slots.ts";
import {
  addDispatch,
  declareDispatch,
  type DispatchKey,
  dispatchKeys,
  dispatchMaps,
  hasIntervals,
} from "../dispatch.ts";
import type { Draft } from "../draft.ts";
import { backendNames, priorityOfId, serviceNames } from "../names.ts";
import { backendsOf, declareGates } from "../service_parts.ts";
import { disjoint } from "../service_rules.ts";
import { REVISION_SET } from "../snapshot.ts";
import { errorChainName } from "./names.ts";
import {
  directBackendRules,
  FIELDS,
  ingressChains,
  type IngressShape,
  pickDirectRules,
  pickErrorRules,
  tellsOpening,
} from "./rules.ts";
import { INGRESS_REJECT } from "./supports.ts";

/**
 * Fills table `netdev lb` with what services with `forward = "dr"` take.
 *
 * @param part such services of the state; the others add nothing but their part of what all share
 */
export function fillIngress(
  draft: Draft,
  state: DesiredState,
  part: readonly PlacedService[],
): void {
  const direct = state.services.filter(({ forward }) => forward === "dr");
  const shape = shapeOf(direct, state);
  const entrances = state.ingress.interfaces.map(({ name }) => name);
  for (const chain of ingressChains(shape, entrances)) draft.chain(chain);
  declareShared(draft, shape);
  for (const family of shape.routed) {
    for (const vip of disjoint(state.ingress.routed, family)) draft.element(`vip${family}`, vip);
  }
  for (const service of part) {
    for (const family of familiesOf(service)) addService(draft, service, family);
  }
  addPassed(draft, direct, state.services);
}

function shapeOf(
  services: readonly PlacedService[],
  { ingress, lacks }: DesiredState,
): IngressShape {
  const vipsOf = (family: Family, { vip }: PlacedService) =>
    vip.filter((one) => one.family === family);
  const isServed = (family: Family) => services.some((one) => vipsOf(family, one).length > 0);
  const hasRanges = (family: Family) => services.some((one) => hasIntervals(one, family));
  const isRouted = (family: Family) => ingress.routed.some((vip) => vip.family === family);
  const families = FAMILIES.filter(isServed);
  return {
    families,
    intervals: new Set(families.filter(hasRanges)),
    routed: new Set(families.filter(isRouted)),
    canReject: !lacks.includes(INGRESS_REJECT),
  };
}

function declareShared(draft: Draft, { families, intervals, routed }: IngressShape): void {
  draft.collection("set", REVISION_SET, "typeof meta mark . meta mark;");
  for (const family of families) {
    const { ip, quoted } = FIELDS[family];
    declareDispatch(draft, family, dispatchMaps(family), intervals.has(family));
    const quotedKey = `typeof ${quoted.vip} . ${quoted.protocol} . ${quoted.vport} : verdict;`;
    draft.collection("map", `er${family}`, quotedKey);
    if (intervals.has(family)) {
      draft.collection("map", `ei${family}`, `${quotedKey} flags interval;`);
    }
    if (routed.has(family)) {
      draft.collection("set", `vip${family}`, `typeof ${ip} daddr; flags interval;`);
    }
  }
}

function addService(draft: Draft, service: PlacedService, family: Family): void {
  const names = serviceNames(service, family);
  const table = slotsOf(service, family);
  const comment = service.name;
  declareService(draft, service, family);
  table.slots.forEach((id, slot) => draft.element(names.idSlots, `${slot}`, priorityOfId(id)));
  for (const backend of backendsOf(service, family)) {
    if (backend.link) addBackend(draft, service, backend);
  }
  draft.chain({ name: names.chain, comment, rules: pickDirectRules(service, family, table) });
  const errors = errorChainName(service, family);
  draft.chain({ name: errors, comment, rules: pickErrorRules(service, family, table) });
  addEntrance(draft, service, family);
}

function declareService(draft: Draft, service: PlacedService, family: Family): void {
  const names = serviceNames(service, family);
  draft.collection("map", names.idSlots, "typeof numgen inc mod 65536 : meta priority;");
  draft.collection("map", names.backends, "typeof meta priority : verdict;");
  declareGates(draft, service, family);
}

function addBackend(draft: Draft, service: PlacedService, backend: PlacedBackend): void {
  const { address: { family, text }, id, effective_weight } = backend;
  const { chain, counter } = backendNames(id);
  if (tellsOpening(service)) draft.counter(counter);
  const comment = `${service.name} ${text} at ${backend.link!.interface}`;
  draft.chain({ name: chain, comment, rules: directBackendRules(service, backend) });
  if (effective_weight === 0) return;
  draft.element(serviceNames(service, family).backends, priorityOfId(id), `goto ${chain}`);
}

function addEntrance(draft: Draft, service: PlacedService, family: Family): void {
  const target = `goto ${serviceNames(service, family).chain}`;
  const errors = `goto ${errorChainName(service, family)}`;
  for (const key of dispatchKeys(service, family)) {
    addDispatch(draft, dispatchMaps(family), key, target);
    addQuoted(draft, service, key, errors);
  }
}

/** The same for the packets that ICMP errors quote. */
function addQuoted(
  draft: Draft,
  service: PlacedService,
  { vip, ports, isExact }: DispatchKey,
  verdict: string,
): void {
  const map = isExact ? `er${vip.family}` : `ei${vip.family}`;
  draft.element(map, quotedKey(service, vip, ports), verdict);
}

/**
 * An exact VIP and port inside a range of another service wins. Here that has to be said, where the other
 * one is not in this table: its packets go on to where they are translated.
 */
function addPassed(
  draft: Draft,
  direct: readonly PlacedService[],
  services: readonly PlacedService[],
): void {
  const ranges = direct.filter((one) => FAMILIES.some((family) => hasIntervals(one, family)));
  if (ranges.length === 0) return;
  for (const service of services.filter(({ forward }) => forward !== "dr")) {
    for (const key of FAMILIES.flatMap((family) => dispatchKeys(service, family))) {
      if (!key.isExact || !ranges.some((other) => covers(other, service, key))) continue;
      addDispatch(draft, dispatchMaps(key.vip.family), key, "accept");
      addQuoted(draft, service, key, "accept");
    }
  }
}

function covers(
  other: PlacedService,
  { protocol }: PlacedService,
  { vip, ports: { first } }: DispatchKey,
): boolean {
  return other.protocol === protocol && other.vip.some((outer) => contains(outer, vip)) &&
    portRanges(other).some((range) => range.first <= first && first <= range.last);
}

/** nft knows no types in a packet that is quoted: all of it is numbers. */
function quotedKey({ protocol }: PlacedService, vip: Prefix, { first, last }: PortRange): string {
  const bytes = addressBytes(vip);
  const end = addressBytes(lastAddress(vip));
  const ports = [first, last].map((port) => `0x${port.toString(16).padStart(4, "0")}`);
  const range = (from: string, to: string) => from === to ? from : `${from}-${to}`;
  const number = PROTOCOL_NUMBERS[protocol].toString(16).padStart(2, "0");
  return [range(hexText(bytes), hexText(end)), `0x${number}`, range(ports[0]!, ports[1]!)].join(
    " . ",
  );
}

function hexText(bytes: Uint8Array): string {
  return `0x${bytes.toHex()}`;
}

function lastAddress(vip: Prefix): Address {
  const bytes = addressBytes(vip);
  for (let bit = vip.length; bit < bytes.length * 8; bit++) {
    bytes[bit >> 3]! |= 0x80 >> (bit & 7);
  }
  return addressFromBytes(bytes);
}
