/**
 * Rules of the packet filter that go with IPVS: it has no NAT of source addresses, knows a service of several
 * ports by the packet's mark only, and is fastest where conntrack passes over its packets.
 */
import {
  contains,
  type Family,
  fullLength,
  isSingle,
  type Prefix,
} from "../../../model/address.ts";
import { serviceMarks } from "../by_mark.ts";
import { type PortRange, portRanges, type Protocol } from "../../../model/service.ts";
import type { DesiredState, PlacedBackend, PlacedService } from "../../../model/state.ts";

/** Packets of a protocol to, or from, some ports of an address. */
export interface Flow {
  readonly address: Prefix;
  readonly protocol: Protocol;
  readonly ports: PortRange;
}

/** One rule, whatever program writes it. */
export type IpvsRule =
  /** Conntrack passes over requests to a service, or answers from a backend. */
  | { readonly kind: "untracked"; readonly side: "to" | "from"; readonly flow: Flow }
  /** Connections to a service leave for the backend with an address of this machine's. */
  | { readonly kind: "masquerade"; readonly flow: Flow; readonly backend: Flow }
  /** Packets to these ports are known to IPVS by a mark. */
  | { readonly kind: "mark"; readonly flow: Flow; readonly mark: number };

/** The rules that go with these services, the same in whatever order they come from the record. Pure. */
export function ipvsRules(
  state: Pick<DesiredState, "services" | "tracking" | "marks">,
): IpvsRule[] {
  const services = state.services.toSorted((a, b) => a.name < b.name ? -1 : 1);
  const rules = [
    ...services.flatMap((service) => rulesOf(service, state.tracking)),
    ...markRules(services, serviceMarks(state)),
  ];
  // The same backend may be in several services.
  return [...new Map(rules.map((rule) => [JSON.stringify(rule), rule])).values()];
}

function rulesOf(service: PlacedService, tracking: DesiredState["tracking"]): IpvsRule[] {
  if (service.masquerade) return masqueraded(service);
  return tracking?.watched === undefined ? untracked(service, tracking?.shared ?? []) : [];
}

/**
 * IPVS looks for a mark first (ip_vs_service_find()), and for all of it: so other people's bits are not kept,
 * and packets to an exact port within a range, which is another service, have none.
 */
function markRules(
  services: readonly PlacedService[],
  marks: ReadonlyMap<string, number>,
): IpvsRule[] {
  const flowsOf = (isMarked: boolean) =>
    services.filter(({ name }) => marks.has(name) === isMarked)
      .flatMap((service) => requestsOf(service).map((flow) => ({ flow, name: service.name })));
  const marked = flowsOf(true);
  const exceptions = flowsOf(false).filter(({ flow }) =>
    marked.some((wider) => isWithin(flow, wider.flow))
  );
  // Who reads them in turn has the last word from what is exact.
  const ordered = [...marked, ...exceptions].toSorted((a, b) =>
    Number(isExact(a.flow)) - Number(isExact(b.flow))
  );
  return ordered.map(({ flow, name }) => ({ kind: "mark", flow, mark: marks.get(name) ?? 0 }));
}

/** One port of one address. */
export function isExact({ address, ports }: Flow): boolean {
  return isSingle(address) && ports.first === ports.last;
}

/** Only what is exact can be inside of anything else (lib/config/overlap.ts). */
function isWithin(exact: Flow, { address, protocol, ports }: Flow): boolean {
  return exact.protocol === protocol && isSingle(exact.address) &&
    contains(address, exact.address) && exact.ports.first >= ports.first &&
    exact.ports.last <= ports.last;
}

function masqueraded(service: PlacedService): IpvsRule[] {
  return requestsOf(service).flatMap((flow) =>
    backendsOf(service, flow).map((backend) => ({ kind: "masquerade", flow, backend } as const))
  );
}

/** @param shared backends, as {@linkcode endpointText} has them, whose answers conntrack has to see */
function untracked(service: PlacedService, shared: readonly string[]): IpvsRule[] {
  const requests = requestsOf(service);
  // Other answers do not pass this machine.
  const answers = service.forward === "nat"
    ? requests.flatMap((flow) => backendsOf(service, flow))
    : [];
  return [
    ...requests.map((flow) => ({ kind: "untracked", side: "to", flow }) as const),
    ...answers.filter(({ address }) => !shared.includes(address.text))
      .map((flow) => ({ kind: "untracked", side: "from", flow }) as const),
  ];
}

/** What clients send: to each VIP and port. */
function requestsOf(service: PlacedService): Flow[] {
  const { vip, protocol } = service;
  const ranges = portRanges(service);
  return vip.flatMap((address) => ranges.map((ports) => ({ address, protocol, ports })));
}

function backendsOf({ backends }: PlacedService, { address: vip, protocol, ports }: Flow): Flow[] {
  return backends.filter(({ address }) => address.family === vip.family)
    .map((backend) => ({ address: single(backend), protocol, ports: portsAt(backend, ports) }));
}

function single({ address: { family, text } }: PlacedBackend): Prefix {
  return { family, text, length: fullLength(family) };
}

function portsAt({ port }: PlacedBackend, asked: PortRange): PortRange {
  return port === undefined ? asked : { first: port, last: port };
}

/** The rules of one IP version. */
export function ofFamily(rules: readonly IpvsRule[], family: Family): IpvsRule[] {
  return rules.filter(({ flow }) => flow.address.family === family);
}

/** How many there are of each kind, for people. */
export function describeRules(rules: readonly IpvsRule[]): string {
  const words = rules.map((rule) =>
    rule.kind === "untracked" ? WORDS[rule.side] : WORDS[rule.kind]
  );
  return Array.from(Map.groupBy(words, (word) => word), ([word, all]) => `${all.length} ${word}`)
    .join(", ");
}

const WORDS = {
  to: "requests untracked",
  from: "answers untracked",
  masquerade: "masqueraded",
  mark: "marked",
} as const;
