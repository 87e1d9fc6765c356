/** Random desired states: what a configuration can ask of the IPVS engine, with ids that move about. */
import fc from "fast-check";
import type { DesiredState } from "../../lib/model/state.ts";
import { type ServiceSpec, stateOf } from "../fake/services.ts";

const NAMES = ["web", "mail", "dns"] as const;
const PORTS = [53, 80, 443] as const;
const WEIGHTS = [0, 1, 100, 65_535] as const;
const ID_MAX = 40;
const BACKENDS_MAX = 3;

const drafts = fc.record({
  families: fc.subarray([4, 6] as const, { minLength: 1 }),
  protocol: fc.constantFrom("tcp", "udp"),
  scheduler: fc.constantFrom("rr", "wrr", "lc", "wlc", "sed", "nq", "sh", "maglev"),
  ports: fc.oneof(
    fc.subarray([...PORTS], { minLength: 1 }),
    fc.constantFrom("all" as const, "sticky" as const),
    // Known by a mark.
    fc.constantFrom<readonly (number | string)[]>(["8000-8010"], [53, "80-443"]),
  ),
  is_prefix: fc.constantFrom(false, false, true),
  timeout_ms: fc.constantFrom(1, 1_500, 300_000),
  mask: fc.constantFrom(1, 24, 32),
  backends: fc.uniqueArray(
    fc.record({
      host: fc.integer({ min: 1, max: 5 }),
      port: fc.constantFrom(undefined, 8080),
      weight: fc.constantFrom(...WEIGHTS),
      max_connections: fc.constantFrom(0, 0, 7, 4_294_967_295),
    }),
    { maxLength: BACKENDS_MAX, selector: ({ host, port }) => `${host} ${port}` },
  ),
});

/** Up to three services on VIPs of their own, whose backends may be the same machines. */
export const ipvsStates: fc.Arbitrary<DesiredState> = fc.record({
  names: fc.subarray([...NAMES]),
  drafts: fc.array(drafts, { minLength: 3, maxLength: 3 }),
  ids: fc.shuffledSubarray(Array.from({ length: ID_MAX }, (_, index) => index + 1), {
    minLength: 2 * 3 * BACKENDS_MAX,
  }),
}).map(({ names, drafts, ids }) => {
  const fresh = ids[Symbol.iterator]();
  return stateOf(names.map((name, at) => specOf(name, drafts[at]!, () => fresh.next().value!)));
});

/** The same, where some services stay as they are. */
export const ipvsPairs = fc.record({
  have: ipvsStates,
  other: ipvsStates,
  kept: fc.subarray([...NAMES]),
}).map(({ have, other, kept }) => {
  const staying = have.services.filter(({ name }) => kept.some((one) => one === name));
  const ids = new Set(staying.flatMap(({ backends }) => backends.map(({ id }) => id)));
  const coming = other.services.filter(({ name, backends }) =>
    !staying.some((one) => one.name === name) && !backends.some(({ id }) => ids.has(id))
  );
  return { have, want: { ...other, services: [...staying, ...coming] } };
});

type Draft = typeof drafts extends fc.Arbitrary<infer Value> ? Value : never;

function specOf(name: typeof NAMES[number], draft: Draft, nextId: () => number): ServiceSpec {
  const { families, ports, timeout_ms, mask, backends, protocol, scheduler, is_prefix } = draft;
  const host = NAMES.indexOf(name) + 1;
  const [prefix, prefix6] = is_prefix ? [`203.0.${host}.0/24`, `2001:db8:2:${host}::/64`] : [];
  const sticky = !Array.isArray(ports);
  return {
    ...{ name, protocol, scheduler },
    vip: families.map((family) =>
      family === 4 ? prefix ?? `203.0.113.${host}` : prefix6 ?? `2001:db8:1::${host}`
    ),
    ports: ports === "sticky" ? [8000] : ports,
    persistence: sticky ? { timeout_ms, mask, mask6: mask * 4 } : undefined,
    backends: families.flatMap((family) =>
      backends.map(({ host, port, ...rest }) => ({
        ...rest,
        id: nextId(),
        port: ports === "all" ? undefined : port,
        address: family === 4 ? `198.51.100.${host}` : `2001:db8:b::${host}`,
      }))
    ),
  };
}
