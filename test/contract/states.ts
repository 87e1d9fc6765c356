/** Random desired states: what a configuration can ask of the nft engine, with ids that move about. */
import fc from "fast-check";
import { DEFAULT_MARK_MASK } from "../../lib/model/mark.ts";
import { SLOT_SCHEDULERS } from "../../lib/scheduler/slots.ts";
import type { DesiredState } from "../../lib/model/state.ts";
import { type BackendSpec, ingressAt, type ServiceSpec, stateOf } from "../fake/services.ts";

/** Names that could be taken for one another, and some that nft would read as words of its own. */
const NAMES = ["web", "web4", "web46", "tcp", "drop", "1st"] as const;

const PORTS = [53, 80, 443, 65_535, "1-52", "8000-8007", "9000-9010", "60000-65534"] as const;

/** 65535 beside others makes cycles that have to be bounded. */
const WEIGHTS = [0, 1, 3, 100, 300, 65_535] as const;

/** Few, so that a backend of one state has the id of another service's in the next. */
const ID_MAX = 24;

/** Beyond every mask that is tried. */
const LARGE_IDS = 0x1_0000;

const BACKENDS_MAX = 4;

/** Ends of the number range, neighbours, and some that contain others. */
const SOURCES = [
  ...["0.0.0.0/0", "192.0.2.0/24", "192.0.2.0/25", "192.0.2.128/25", "192.0.2.7"],
  ...["0.0.0.0/8", "240.0.0.0/4", "255.255.255.255", "128.0.0.0/1"],
  ...["::/0", "2001:db8::/32", "2001:db8:c::/64", "2001:db8:c::7", "ffff::/16"],
] as const;

/** `single` addresses, a `prefix` of its own, or a `wide` one that contains the others'. */
const WIDTHS = ["single", "single", "prefix", "wide"] as const;

/** What may differ between services with `forward = "dr"` and others (lib/engine/nft/ingress/supports.ts). */
export function directed(settings: Settings, scheduler: "sh" | "maglev"): Settings {
  const max_new_per_second = settings.protocol === "tcp" ? settings.max_new_per_second : 0;
  const none = { persistence: undefined, masquerade: false, mark: 0, max_connections: 0 };
  return { ...settings, ...none, forward: "dr", scheduler, max_new_per_second };
}

/** The same of a backend: it keeps its port, and an interface leads to it, or is not known. */
export function directedBackend(backend: BackendSpec, ifindex: number | undefined): BackendSpec {
  const weight = ifindex === undefined ? { weight: 0 } : {};
  return { ...backend, ...weight, port: undefined, max_connections: 0, ifindex };
}

/** Where packets come in. */
export const ingresses = fc.constantFrom(
  ingressAt(["eth0"]),
  ingressAt(["eth0", "eth1"]),
  ingressAt(["eth1"], ["203.0.113.16"]),
  ingressAt(["eth0"], ["203.0.113.16", "203.0.113.32/28", "2001:db8:1::10"]),
);

type Settings = Omit<ServiceSpec, "name" | "vip" | "backends">;

interface Draft {
  readonly families: readonly ("4" | "6")[];
  readonly width: typeof WIDTHS[number];
  readonly hasAllPorts: boolean;
  readonly hasLargeIds: boolean;
  readonly service: Settings;
  /** Interface to the backends of a service with `forward = "dr"`; 0: none is known. */
  readonly direct?: number;
  readonly backends: readonly (Omit<BackendSpec, "id" | "address"> & { readonly host: number })[];
}

const sources = fc.subarray([...SOURCES], { maxLength: 4 });
const limit = fc.constantFrom(0, 0, 1, 7, 4_294_967_295);
/** fast-check's `freq` is of the values that are there: one in so many is none. */
const sometimes = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined, freq: 2 });

/** What a service may ask for, its addresses and backends left out. */
export const settings = fc.record({
  protocol: fc.constantFrom("tcp", "udp", "sctp"),
  ports: fc.subarray([...PORTS], { minLength: 1 }),
  scheduler: fc.constantFrom(...SLOT_SCHEDULERS),
  masquerade: fc.boolean(),
  persistence: sometimes(fc.record({
    timeout_ms: fc.constantFrom(1, 1_500, 300_000, 365 * 86_400_000),
    mask: fc.constantFrom(1, 24, 32),
    mask6: fc.constantFrom(1, 64, 127, 128),
  })),
  mark: fc.constantFrom(0, 0, 1, 0x8000_0001),
  dscp: sometimes(fc.constantFrom(0, 8, 46, 63)),
  priority: sometimes(fc.constantFrom("1:10", "0:5", "ffff:1")),
  allow: sources,
  deny: sources,
  max_connections: limit,
  max_new_per_second: limit,
  over_limit: fc.constantFrom("refuse", "drop"),
});

const drafts: fc.Arbitrary<Draft> = fc.record({
  families: fc.subarray(["4", "6"] as const, { minLength: 1 }),
  width: fc.constantFrom(...WIDTHS),
  hasAllPorts: fc.boolean(),
  hasLargeIds: fc.boolean(),
  service: settings,
  direct: sometimes(fc.constantFrom(2, 3, 0)),
  backends: fc.uniqueArray(
    fc.record({
      host: fc.integer({ min: 1, max: 6 }),
      port: fc.constantFrom(undefined, 80, 8080),
      weight: fc.constantFrom(...WEIGHTS),
      max_connections: limit,
    }),
    { maxLength: BACKENDS_MAX, selector: ({ host, port }) => `${host} ${port}` },
  ),
});

/** Zero to three services that do not overlap. Two may share backends' addresses. */
export const states: fc.Arbitrary<DesiredState> = fc.record({
  names: fc.shuffledSubarray([...NAMES], { maxLength: 3 }),
  drafts: fc.array(drafts, { minLength: 3, maxLength: 3 }),
  ids: fc.shuffledSubarray(Array.from({ length: ID_MAX }, (_, index) => index + 1), {
    minLength: 2 * 3 * BACKENDS_MAX,
  }),
  mask: fc.constantFrom(DEFAULT_MARK_MASK, DEFAULT_MARK_MASK, 0x0ffff000),
  ingress: ingresses,
}).map(({ names, drafts, ids, mask, ingress }) => {
  const fresh = ids[Symbol.iterator]();
  const nextId = () => fresh.next().value!;
  const isCrowded = drafts.slice(0, names.length).some(({ width }) => width === "wide");
  const services = names.map((name, at) => finish(name, drafts[at]!, isCrowded, nextId));
  return stateOf(services, mask, [], ingress);
});

function finish(
  name: string,
  draft: Draft,
  isCrowded: boolean,
  nextId: () => number,
): ServiceSpec {
  const host = NAMES.findIndex((other) => other === name) + 1;
  const { direct } = draft;
  const base = needsMark(draft.service) || !draft.hasLargeIds ? 0 : LARGE_IDS;
  const backends = draft.families.flatMap((family) =>
    draft.backends.map(({ host, ...rest }): BackendSpec => {
      const address = family === "4" ? `198.51.100.${host}` : `2001:db8:b::${host}`;
      const backend = { ...rest, id: base + nextId(), address };
      return direct === undefined ? backend : directedBackend(backend, direct || undefined);
    })
  );
  const service = direct === undefined ? draft.service : directed(draft.service, "sh");
  const vip = draft.families.map((family) => vipOf(family, host, draft.width));
  return { ...service, ports: portsOf(draft, host, isCrowded), name, vip, backends };
}

/** What is wide meets other services' addresses: it has ports of its own, and nobody has all. */
function portsOf(draft: Draft, host: number, isCrowded: boolean): ServiceSpec["ports"] {
  const { width, hasAllPorts, service } = draft;
  if (width === "wide") return [`${10_000 + 10 * host}-${10_009 + 10 * host}`];
  return hasAllPorts && !isCrowded ? "all" : service.ports;
}

function vipOf(family: "4" | "6", host: number, width: Draft["width"]): string {
  const [v4, v6] = [`203.0.113.${host * 16}`, `2001:db8:1::${host}0`];
  if (width === "wide") return family === "4" ? "203.0.0.0/16" : "2001:db8:1::/48";
  if (width === "prefix") return family === "4" ? `${v4}/28` : `${v6}/124`;
  return family === "4" ? v4 : v6;
}

function needsMark({ mark, dscp, priority }: Draft["service"]): boolean {
  return mark !== 0 || dscp !== undefined || priority !== undefined;
}
