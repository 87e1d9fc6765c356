import { FAMILIES, type Family } from "../../model/address.ts";
import { familiesOf } from "../../model/service.ts";
import type { DesiredState, PlacedBackend, PlacedService } from "../../model/state.ts";
import { isSlotScheduler, type SlotTable, slotTable } from "../../scheduler/slots.ts";
import {
  backendNames,
  backendRules,
  priorityOfId,
  serviceNames,
  serviceRules,
  type StaticChain,
  staticChains,
} from "./rules.ts";
import {
  type Chain,
  type Collection,
  type Counter,
  EMPTY_SNAPSHOT,
  fingerprint,
  REVISION_SET,
  type Snapshot,
} from "./snapshot.ts";

/** What the table should hold for these services; without services there is no table. Pure. */
export function desiredSnapshot(state: DesiredState): Snapshot {
  if (state.services.length === 0) return EMPTY_SNAPSHOT;
  const draft = new Draft();
  for (const chain of staticChains(state.marks)) draft.chain(chain);
  declareShared(draft);
  for (const service of state.services) {
    for (const family of familiesOf(service)) addService(draft, state, service, family);
  }
  return draft.snapshot();
}

/** The slot table a service has in one family. Also asked by whoever predicts a choice. */
export function slotsOf(service: PlacedService, family: Family): SlotTable {
  if (!isSlotScheduler(service.scheduler)) {
    throw new TypeError(`supports() lets no ${service.scheduler} through`);
  }
  return slotTable(service.scheduler, service.name, backendsOf(service, family));
}

function backendsOf(service: PlacedService, family: Family): PlacedBackend[] {
  return service.backends.filter(({ address }) => address.family === family);
}

/** Sets and maps that all services share. */
function declareShared(draft: Draft): void {
  draft.collection("set", REVISION_SET, "typeof meta mark . meta mark;");
  for (const family of FAMILIES) {
    const ip = family === 4 ? "ip" : "ip6";
    draft.collection(
      "map",
      `ex${family}`,
      `typeof ${ip} daddr . meta l4proto . th dport : verdict;`,
    );
    draft.collection("set", `vip${family}`, `typeof ${ip} daddr;`);
    draft.collection("set", `be${family}`, `typeof ${ip} saddr . meta l4proto;`);
    draft.collection("set", `hp${family}`, `typeof ${ip} saddr;`);
  }
}

function addService(
  draft: Draft,
  state: DesiredState,
  service: PlacedService,
  family: Family,
): void {
  const names = serviceNames(service, family);
  const table = slotsOf(service, family);
  draft.collection("map", names.slots, "typeof numgen inc mod 65536 : meta priority;");
  draft.collection("map", names.backends, "typeof meta priority : verdict;");
  table.slots.forEach((id, slot) => draft.element(names.slots, `${slot}`, priorityOfId(id)));
  for (const backend of backendsOf(service, family)) {
    addBackend(draft, state, service, backend);
  }
  const rules = serviceRules(service, family, table);
  draft.chain({ name: names.chain, comment: service.name, rules });
  addDispatch(draft, service, family);
}

function addBackend(
  draft: Draft,
  state: DesiredState,
  service: PlacedService,
  backend: PlacedBackend,
): void {
  const { family, text } = backend.address;
  const { chain, counter } = backendNames(backend.id);
  const target = serviceNames(service, family).backends;
  draft.counter(counter);
  draft.chain({
    name: chain,
    comment: `${service.name} ${text} ${backend.port ?? "port kept"}`,
    rules: backendRules(service, backend, state.marks),
  });
  draft.element(target, priorityOfId(backend.id), `jump ${chain}`);
  draft.element(`be${family}`, `${text} . ${service.protocol}`);
  draft.element(`hp${family}`, text);
}

function addDispatch(draft: Draft, service: PlacedService, family: Family): void {
  if (service.ports === "all") throw new TypeError("supports() lets no `all` through");
  for (const vip of service.vip.filter((vip) => vip.family === family)) {
    draft.element(`vip${family}`, vip.text);
    for (const { first } of service.ports) {
      const key = `${vip.text} . ${service.protocol} . ${first}`;
      draft.element(`ex${family}`, key, `goto ${serviceNames(service, family).chain}`);
    }
  }
}

/** Collects objects; each name once. */
class Draft {
  readonly #chains = new Map<string, Chain>();
  readonly #collections = new Map<string, Collection & { elements: Map<string, string> }>();
  readonly #counters = new Map<string, Counter>();

  chain({ name, hook, comment, rules }: StaticChain): void {
    const header = hook && fingerprint(hook);
    this.#chains.set(name, { source: fingerprint(rules.join("\n")), header, hook, comment, rules });
  }

  collection(kind: "map" | "set", name: string, declaration: string): void {
    const source = fingerprint(`${kind} ${declaration}`);
    this.#collections.set(name, { kind, source, declaration, elements: new Map() });
  }

  element(collection: string, key: string, value = ""): void {
    this.#collections.get(collection)!.elements.set(key, value);
  }

  counter(name: string): void {
    this.#counters.set(name, { packets: 0, bytes: 0 });
  }

  snapshot(): Snapshot {
    return {
      present: true,
      chains: this.#chains,
      collections: this.#collections,
      counters: this.#counters,
      foreign: [],
    };
  }
}
