/** Test equipment: pairs of states as one apply finds them: some services stay, others come, change or go. */
import fc from "fast-check";
import { DEFAULT_MARK_MASK } from "../../lib/model/mark.ts";
import { INET_NAT } from "../../lib/engine/nft/table.ts";
import type { DesiredState, Ingress, PlacedService } from "../../lib/model/state.ts";
import { directed, directedBackend, ingresses, settings } from "./states.ts";
import { type BackendSpec, serviceOf, type ServiceSpec, stateOf } from "../fake/services.ts";

const NAMES = ["web", "web4", "web46", "mail", "dns"] as const;

/** What a service may be in one of the states; the first two differ in nothing that the kernel knows. */
const VARIANTS = 4;
const BACKENDS_MAX = 3;

/**
 * What one service has in a family: few, so that services share them. Single addresses, and prefixes around
 * those of others and around each other.
 */
const VIPS = {
  4: [
    [],
    ["203.0.113.10"],
    ["203.0.113.10", "203.0.113.11"],
    ["203.0.113.10", "203.0.114.0/28"],
    // The address a prefix of another's begins with: both are spelled alike but for the length.
    ["203.0.113.0"],
    ["203.0.113.0/28"],
    ["203.0.113.0/24", "203.0.114.0/24"],
    ["203.0.0.0/16"],
  ],
  6: [
    [],
    ["2001:db8:1::10"],
    ["2001:db8:1::10", "2001:db8:1::11"],
    ["2001:db8:1::/123"],
    ["2001:db8:1::/64", "2001:db8:2::10"],
  ],
} as const;

/** Tables of those that hash have thousands of slots, which takes its time. */
const SCHEDULERS = ["rr", "wrr", "random", "rr", "wrr", "random", "wrr", "sh"] as const;

const HOSTS = [11, 12, 13, 14] as const;

interface Variant {
  readonly settings: Omit<ServiceSpec, "name" | "vip" | "ports" | "backends">;
  readonly scheduler: ServiceSpec["scheduler"];
  /** Without a VIP in a family it has no backend there. */
  readonly vip: readonly string[];
  readonly port_count: 1 | 2 | 5;
  readonly backends: readonly Pick<BackendSpec, "weight" | "max_connections">[];
  readonly hosts: readonly number[];
  /** Interface to the backends, where it hashes and they are reached by it. */
  readonly ifindex?: number;
  /** Of the ids that it has, among those that others have in other states. */
  readonly turn: number;
}

const variant: fc.Arbitrary<Variant> = fc.record({
  settings: settings.map(({ ports: _ports, ...rest }) => rest),
  scheduler: fc.constantFrom(...SCHEDULERS),
  vip: fc.tuple(fc.constantFrom(...VIPS[4]), fc.constantFrom(...VIPS[6])).map((both) => both.flat())
    .filter((vip) => vip.length > 0),
  port_count: fc.constantFrom(1, 1, 2, 5),
  backends: fc.array(
    fc.record({
      weight: fc.constantFrom(0, 1, 2, 100),
      max_connections: fc.constantFrom(0, 0, 7),
    }),
    { maxLength: BACKENDS_MAX },
  ),
  hosts: fc.shuffledSubarray([...HOSTS], { minLength: BACKENDS_MAX }),
  ifindex: fc.constantFrom(undefined, 2, 3),
  turn: fc.nat({ max: 2 }),
});

/** In each state a service is one of its variants, or is not there. */
const picks = fc.array(fc.option(fc.nat({ max: VARIANTS - 1 }), { nil: undefined, freq: 3 }), {
  minLength: NAMES.length,
  maxLength: NAMES.length,
});

const frame = fc.record({
  mask: fc.constantFrom(DEFAULT_MARK_MASK, 0x0ffff000),
  lacks: fc.constantFrom([], [INET_NAT]),
  ingress: ingresses,
});

interface Frame {
  readonly mask: number;
  readonly lacks: readonly string[];
  readonly ingress: Ingress;
}

/** Where one changes, all is written anew: most pairs are to have the same. */
const frames = frame.chain((before) =>
  fc.tuple(fc.constant(before), fc.oneof({ weight: 9, arbitrary: fc.constant(before) }, frame))
);

/** What there is, and what is wanted. A service that stays is one object, as lib/reconcile/memory.ts has it. */
export const pairs: fc.Arbitrary<{ have: DesiredState; want: DesiredState }> = fc.record({
  variants: fc.array(fc.array(variant, { minLength: VARIANTS - 1, maxLength: VARIANTS - 1 }), {
    minLength: NAMES.length,
    maxLength: NAMES.length,
  }),
  picks: fc.tuple(picks, picks),
  isStill: fc.array(fc.boolean(), { minLength: NAMES.length, maxLength: NAMES.length }),
  frames,
}).map(({ variants, picks: [before, after], isStill, frames: [had, wanted] }) => {
  const services = variants.map((of, at) => servicesOf(of, at));
  const still = after.map((pick, at) => isStill[at] ? before[at] : pick);
  return {
    have: withServices(had, services, before),
    want: withServices(wanted, services, still),
  };
});

function servicesOf(variants: readonly Variant[], at: number): PlacedService[] {
  const [first, ...others] = variants.map((one) => serviceOf(specOf(one, at)));
  return [first!, { ...first!, vip_on: "eth0" }, ...others];
}

function withServices(
  { mask, lacks, ingress }: Frame,
  services: readonly PlacedService[][],
  picked: readonly (number | undefined)[],
): DesiredState {
  const chosen = picked.flatMap((pick, at) => pick === undefined ? [] : [services[at]![pick]!]);
  const taken = new Set<number>();
  const own = chosen.filter(({ backends }) => {
    if (backends.some(({ id }) => taken.has(id))) return false;
    for (const { id } of backends) taken.add(id);
    return true;
  });
  return { ...stateOf([], mask, lacks, ingress), services: own };
}

/** Ports are the service's own, so that nothing overlaps, whatever VIPs it has. */
function specOf(variant: Variant, at: number): ServiceSpec {
  const { settings, scheduler, vip, port_count, backends, hosts, ifindex, turn } = variant;
  const isDirect = scheduler === "sh" && ifindex !== undefined;
  const port = 1_000 * (at + 1);
  const ports = port_count === 5 ? [`${port}-${port + 4}`] : [port, port + 10].slice(0, port_count);
  const families = ([4, 6] as const).filter((family) =>
    vip.some((one) => one.includes(":") === (family === 6))
  );
  const first_id = 1 + 2 * BACKENDS_MAX * ((at + turn) % NAMES.length);
  return {
    ...isDirect ? directed(settings, scheduler) : { ...settings, scheduler },
    name: NAMES[at],
    vip,
    ports,
    backends: families.flatMap((family, index) =>
      backends.map((rest, number) => {
        const id = first_id + index * BACKENDS_MAX + number;
        const host = hosts[number];
        const address = family === 4 ? `198.51.100.${host}` : `2001:db8:b::${host}`;
        const backend = { ...rest, id, address };
        return isDirect ? directedBackend(backend, ifindex) : backend;
      })
    ),
  };
}
