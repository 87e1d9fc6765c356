import { FAMILIES, type Family, formatPrefix, isSingle } from "../../model/address.ts";
import { markOfId } from "../../model/mark.ts";
import { familiesOf, type PortRange } from "../../model/service.ts";
import type { DesiredState, PlacedBackend, PlacedService } from "../../model/state.ts";
import { isSlotScheduler, type SlotTable, slotTable } from "../../scheduler/slots.ts";
import { backendRules, hasQuality, qualityRules } from "./backend_rules.ts";
import { type Shape, staticChains } from "./base_rules.ts";
import { Draft } from "./draft.ts";
import { backendNames, priorityOfId, serviceNames } from "./names.ts";
import {
  disjoint,
  gateRules,
  limitRules,
  pickRules,
  type ServiceForm,
  serviceForm,
} from "./service_rules.ts";
import { EMPTY_SNAPSHOT, REVISION_SET, type Snapshot } from "./snapshot.ts";

const ALL_PORTS: readonly PortRange[] = [{ first: 0, last: 65_535 }];

/** Entries a sticky or a rate map holds: a full one forgets nobody, it only takes no more. */
const DYNAMIC_SIZE = 65_535;

/** What the table should hold for these services; without services there is no table. Pure. */
export function desiredSnapshot(state: DesiredState): Snapshot {
  if (state.services.length === 0) return EMPTY_SNAPSHOT;
  const shape = shapeOf(state.services);
  const draft = new Draft();
  for (const chain of staticChains(state.marks, shape)) draft.chain(chain);
  declareShared(draft, shape);
  for (const service of state.services) {
    for (const family of familiesOf(service)) addService(draft, state, service, family);
    const { name, max_connections } = service;
    addLimit(draft, service, serviceNames(service, 4).limit, max_connections, name);
    if (hasQuality(service)) addQuality(draft, state, service);
  }
  for (const family of shape.prefixes) addPrefixes(draft, state, family);
  return draft.snapshot();
}

/** The slot table a service has in one family. Also asked by whoever predicts a choice. */
export function slotsOf(service: PlacedService, family: Family): SlotTable {
  if (!isSlotScheduler(service.scheduler)) {
    throw new TypeError(`supports() lets no ${service.scheduler} through`);
  }
  return slotTable(service.scheduler, service.name, backendsOf(service, family));
}

function shapeOf(services: readonly PlacedService[]): Shape {
  const withFamily = (family: Family, test: (service: PlacedService) => boolean) =>
    services.some((service) => service.vip.some((vip) => vip.family === family) && test(service));
  const hasPrefix = (family: Family) => (service: PlacedService) =>
    service.vip.some((vip) => vip.family === family && !isSingle(vip));
  return {
    intervals: new Set(
      FAMILIES.filter((family) =>
        withFamily(
          family,
          (service) => hasPrefix(family)(service) || !portsOf(service).every(isOne),
        )
      ),
    ),
    prefixes: new Set(FAMILIES.filter((family) => withFamily(family, hasPrefix(family)))),
    quality: services.some(hasQuality),
  };
}

/** Sets and maps that all services share. */
function declareShared(draft: Draft, shape: Shape): void {
  draft.collection("set", REVISION_SET, "typeof meta mark . meta mark;");
  for (const family of FAMILIES) {
    const ip = family === 4 ? "ip" : "ip6";
    const key = `typeof ${ip} daddr . meta l4proto . th dport : verdict;`;
    draft.collection("map", `ex${family}`, key);
    if (shape.intervals.has(family)) {
      draft.collection("map", `iv${family}`, `${key} flags interval;`);
    }
    draft.collection("set", `vip${family}`, `typeof ${ip} daddr;`);
    if (shape.prefixes.has(family)) {
      draft.collection("set", `vp${family}`, `typeof ${ip} daddr; flags interval;`);
    }
    draft.collection("set", `be${family}`, `typeof ${ip} saddr . meta l4proto;`);
  }
  if (!shape.quality) return;
  for (const map of ["qm", "qp"]) draft.collection("map", map, "typeof ct mark : verdict;");
}

function addService(
  draft: Draft,
  state: DesiredState,
  service: PlacedService,
  family: Family,
): void {
  const table = slotsOf(service, family);
  const form = serviceForm(service, table);
  declareService(draft, service, family, form);
  addSlots(draft, service, family, table, form);
  for (const backend of backendsOf(service, family)) {
    addBackend(draft, state, service, backend, form);
  }
  const rules = [...gateRules(service, family), ...pickRules(service, family, table)];
  draft.chain({ name: serviceNames(service, family).chain, comment: service.name, rules });
  addDispatch(draft, service, family);
}

function declareService(
  draft: Draft,
  service: PlacedService,
  family: Family,
  form: ServiceForm,
): void {
  const names = serviceNames(service, family);
  const saddr = family === 4 ? "ip saddr" : "ip6 saddr";
  const dynamic = `flags dynamic,timeout; size ${DYNAMIC_SIZE};`;
  const slot = "typeof numgen inc mod 65536";
  if (form.idSlots) draft.collection("map", names.idSlots, `${slot} : meta priority;`);
  else draft.collection("map", names.verdictSlots, `${slot} : verdict;`);
  if (form.idMap) draft.collection("map", names.backends, "typeof meta priority : verdict;");
  if (!service.masquerade) draft.collection("set", names.hairpins, `typeof ${saddr};`);
  if (service.persistence) {
    draft.collection("map", names.sticky, `typeof ${saddr} : meta priority; ${dynamic}`);
  }
  if (service.max_new_per_second > 0) {
    draft.collection("set", names.rates, `typeof ${saddr}; ${dynamic} timeout 10s;`);
  }
  for (
    const [name, prefixes] of [[names.allow, service.allow], [names.deny, service.deny]] as const
  ) {
    if (prefixes.length === 0) continue;
    draft.collection("set", name, `typeof ${saddr}; flags interval;`);
    for (const prefix of disjoint(prefixes, family)) draft.element(name, prefix);
  }
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
  draft.element(`be${family}`, `${text} . ${service.protocol}`);
  if (!service.masquerade) draft.element(serviceNames(service, family).hairpins, text);
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

function addDispatch(draft: Draft, service: PlacedService, family: Family): void {
  const target = `goto ${serviceNames(service, family).chain}`;
  for (const vip of service.vip.filter((vip) => vip.family === family)) {
    if (isSingle(vip)) draft.element(`vip${family}`, vip.text);
    for (const ports of portsOf(service)) {
      const isExact = isSingle(vip) && isOne(ports);
      const map = isExact ? `ex${family}` : `iv${family}`;
      draft.element(map, `${formatPrefix(vip)} . ${service.protocol} . ${portText(ports)}`, target);
    }
  }
}

/** Two services may have VIPs of which one contains the other, on different ports. */
function addPrefixes(draft: Draft, { services }: DesiredState, family: Family): void {
  const prefixes = services.flatMap(({ vip }) => vip.filter((one) => !isSingle(one)));
  for (const prefix of disjoint(prefixes, family)) draft.element(`vp${family}`, prefix);
}

function addQuality(draft: Draft, state: DesiredState, service: PlacedService): void {
  const { mark, post } = qualityRules(service);
  const stem = serviceNames(service, 4).quality;
  for (
    const [map, chain, rules] of [["qm", `${stem}-m`, mark], ["qp", `${stem}-p`, post]] as const
  ) {
    if (rules.length === 0) continue;
    draft.chain({ name: chain, comment: service.name, rules });
    for (const { id } of service.backends) {
      draft.element(map, `${markOfId(state.marks, id)}`, `goto ${chain}`);
    }
  }
}

function backendsOf(service: PlacedService, family: Family): PlacedBackend[] {
  return service.backends.filter(({ address }) => address.family === family);
}

function portsOf({ ports }: PlacedService): readonly PortRange[] {
  return ports === "all" ? ALL_PORTS : ports;
}

function isOne({ first, last }: PortRange): boolean {
  return first === last;
}

function portText({ first, last }: PortRange): string {
  return first === last ? `${first}` : `${first}-${last}`;
}
