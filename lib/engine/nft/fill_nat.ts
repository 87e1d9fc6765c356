import { type Family, isSingle } from "../../model/address.ts";
import { markOfId } from "../../model/mark.ts";
import { familiesOf } from "../../model/service.ts";
import type { DesiredState, PlacedBackend, PlacedService } from "../../model/state.ts";
import { slotsOf, type SlotTable } from "../../scheduler/slots.ts";
import { backendRules, hasQuality, qualityRules } from "./backend_rules.ts";
import { type Shape, staticChains } from "./base_rules.ts";
import {
  addDispatch,
  declareDispatch,
  dispatchKeys,
  dispatchMaps,
  hasIntervals,
} from "./dispatch.ts";
import type { Draft } from "./draft.ts";
import { backendNames, priorityOfId, serviceNames } from "./names.ts";
import { backendsOf, declareGates, DYNAMIC } from "./service_parts.ts";
import {
  disjoint,
  gateRules,
  limitRules,
  pickRules,
  type ServiceForm,
  serviceForm,
  serviceKey,
} from "./service_rules.ts";
import { addQueued, addUnqueued, declareQueue, queueShape } from "./queue/fill_queue.ts";
import { addAnswers, isTier, openingOf } from "./tier/fill_tier.ts";
import { REVISION_SET } from "./snapshot.ts";

/** Services of which a table is filled. */
export interface Part {
  readonly services: readonly PlacedService[];
  /** What these contribute to shared sets is left out. */
  readonly without: readonly PlacedService[];
}

/**
 * Fills a table with what services take whose packets are translated.
 *
 * @param state all of which are such services
 */
export function fillNat(
  draft: Draft,
  state: DesiredState,
  families: readonly Family[],
  { services, without }: Part,
): void {
  const shape = shapeOf(state, families);
  for (const chain of staticChains(state.marks, shape)) draft.chain(chain);
  declareShared(draft, shape);
  for (const service of services) addAll(draft, state, shape, service);
  if (shape.isTier) addAnswers(draft, state, families);
  for (const family of shape.prefixes) addPrefixes(draft, state, family);
  withdrawShared(draft, services, without);
}

function shapeOf(state: DesiredState, families: readonly Family[]): Shape {
  const { services } = state;
  const hasPrefixes = (family: Family) =>
    services.some(({ vip }) => vip.some((one) => one.family === family && !isSingle(one)));
  const isRanged = (family: Family) => services.some((service) => hasIntervals(service, family));
  return {
    families,
    intervals: new Set(families.filter(isRanged)),
    prefixes: new Set(families.filter(hasPrefixes)),
    quality: services.some(hasQuality),
    queue: queueShape(state, families),
    isTier: isTier(state),
  };
}

/** Sets and maps that all services share. Those that many rules name come first: see `markRules`. */
function declareShared(draft: Draft, shape: Shape): void {
  draft.collection("set", REVISION_SET, "typeof meta mark . meta mark;");
  for (const family of shape.families) {
    const ip = family === 4 ? "ip" : "ip6";
    draft.collection("set", `hp${family}`, `typeof ${ip} saddr . meta priority;`);
    declareDispatch(draft, family, dispatchMaps(family), shape.intervals.has(family));
    draft.collection("set", `vip${family}`, `typeof ${ip} daddr;`);
    if (shape.prefixes.has(family)) {
      draft.collection("set", `vp${family}`, `typeof ${ip} daddr; flags interval;`);
    }
    draft.collection("set", `be${family}`, `typeof ${ip} saddr . meta l4proto;`);
  }
  if (shape.queue) declareQueue(draft, shape.queue);
  if (!shape.quality) return;
  for (const map of ["qm", "qp"]) draft.collection("map", map, "typeof ct mark : verdict;");
}

function addAll(
  draft: Draft,
  state: DesiredState,
  shape: Shape,
  service: PlacedService,
): void {
  const served = familiesOf(service).filter((family) => shape.families.includes(family));
  if (served.length === 0) return;
  for (const family of served) addService(draft, state, shape, service, family);
  const { name, max_connections } = service;
  addLimit(draft, service, serviceNames(service, 4).limit, max_connections, name);
  if (hasQuality(service)) addQuality(draft, state, service, served);
}

function addService(
  draft: Draft,
  state: DesiredState,
  shape: Shape,
  service: PlacedService,
  family: Family,
): void {
  const table = slotsOf(service, family);
  const form = serviceForm(service, table);
  declareService(draft, service, family, form);
  if (service.queued) addQueued(draft, state.marks, service, family);
  else if (shape.queue) addUnqueued(draft, shape.queue, service, family);
  addSlots(draft, service, family, table, form);
  const key = serviceKey(service, family);
  for (const backend of backendsOf(service, family)) {
    addBackend(draft, state, service, backend, form);
    if (!service.masquerade) draft.element(`hp${family}`, `${backend.address.text} . ${key}`);
  }
  const rules = [
    ...gateRules(service, family, isTier(state) ? openingOf(service) : undefined),
    ...pickRules(service, family, state.marks, table),
  ];
  draft.chain({ name: serviceNames(service, family).chain, comment: service.name, rules });
  addEntrance(draft, service, family);
}

/** What other services have in the same sets: their VIPs, and addresses of their backends. */
function withdrawShared(
  draft: Draft,
  part: readonly PlacedService[],
  rest: readonly PlacedService[],
): void {
  const ours = new Set(part.flatMap(addressesOf));
  for (const service of rest) {
    // A prefix, which is in another set, is spelled like the address it begins with.
    for (const { family, text } of service.vip.filter(isSingle)) {
      if (ours.has(text)) draft.withdraw(`vip${family}`, text);
    }
    for (const { address: { family, text } } of service.backends) {
      if (ours.has(text)) draft.withdraw(`be${family}`, backendElement(service, text));
    }
  }
}

function addressesOf({ vip, backends }: PlacedService): string[] {
  return [...vip.map(({ text }) => text), ...backends.map(({ address }) => address.text)];
}

function backendElement({ protocol }: PlacedService, text: string): string {
  return `${text} . ${protocol}`;
}

function declareService(
  draft: Draft,
  service: PlacedService,
  family: Family,
  form: ServiceForm,
): void {
  const names = serviceNames(service, family);
  const saddr = family === 4 ? "ip saddr" : "ip6 saddr";
  const slot = "typeof numgen inc mod 65536";
  if (form.idSlots) draft.collection("map", names.idSlots, `${slot} : meta priority;`);
  else draft.collection("map", names.verdictSlots, `${slot} : verdict;`);
  if (form.idMap) draft.collection("map", names.backends, "typeof meta priority : verdict;");
  if (service.persistence) {
    draft.collection("map", names.sticky, `typeof ${saddr} : meta priority; ${DYNAMIC}`);
  }
  declareGates(draft, service, family);
}

function addSlots(
  draft: Draft,
  service: PlacedService,
  family: Family,
  { slots }: SlotTable,
  form: ServiceForm,
): void {
  const { idSlots, verdictSlots } = serviceNames(service, family);
  slots.forEach((id, slot) => {
    if (form.idSlots) draft.element(idSlots, `${slot}`, priorityOfId(id));
    else draft.element(verdictSlots, `${slot}`, `jump ${backendNames(id).chain}`);
  });
}

function addBackend(
  draft: Draft,
  state: DesiredState,
  service: PlacedService,
  backend: PlacedBackend,
  form: ServiceForm,
): void {
  const { family, text } = backend.address;
  const { chain, counter, limit } = backendNames(backend.id);
  const comment = `${service.name} ${text} ${backend.port ?? "port kept"}`;
  draft.counter(counter);
  addLimit(draft, service, limit, backend.max_connections, comment);
  draft.chain({
    name: chain,
    comment,
    rules: backendRules(service, backend, state.marks, form.idMap),
  });
  // Without a weight not even a client that was here before comes back.
  if (form.idMap && backend.effective_weight > 0) {
    const { backends } = serviceNames(service, family);
    draft.element(backends, priorityOfId(backend.id), `jump ${chain}`);
  }
  draft.element(`be${family}`, backendElement(service, text));
}

function addLimit(
  draft: Draft,
  service: PlacedService,
  name: string,
  limit: number,
  comment: string,
): void {
  if (limit > 0) draft.chain({ name, comment, rules: limitRules(service, limit) });
}

function addEntrance(draft: Draft, service: PlacedService, family: Family): void {
  for (const { text } of service.vip.filter((vip) => vip.family === family && isSingle(vip))) {
    draft.element(`vip${family}`, text);
  }
  const target = `goto ${serviceNames(service, family).chain}`;
  for (const key of dispatchKeys(service, family)) {
    addDispatch(draft, dispatchMaps(family), key, target);
  }
}

/** Two services may have VIPs of which one contains the other, on different ports. */
function addPrefixes(draft: Draft, { services }: DesiredState, family: Family): void {
  const prefixes = services.flatMap(({ vip }) => vip.filter((one) => !isSingle(one)));
  for (const prefix of disjoint(prefixes, family)) draft.element(`vp${family}`, prefix);
}

function addQuality(
  draft: Draft,
  state: DesiredState,
  service: PlacedService,
  families: readonly Family[],
): void {
  const { mark, post } = qualityRules(service, families);
  const stem = serviceNames(service, 4).quality;
  for (
    const [map, chain, rules] of [["qm", `${stem}-m`, mark], ["qp", `${stem}-p`, post]] as const
  ) {
    if (rules.length === 0) continue;
    draft.chain({ name: chain, comment: service.name, rules });
    for (const { id, address } of service.backends) {
      if (!families.includes(address.family)) continue;
      draft.element(map, `${markOfId(state.marks, id)}`, `goto ${chain}`);
    }
  }
}
