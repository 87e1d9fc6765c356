/** Random desired states: what a configuration can ask of the nft engine, with ids that move about. */
import fc from "fast-check";
import { DEFAULT_MARK_MASK } from "../../lib/model/mark.ts";
import { SLOT_SCHEDULERS } from "../../lib/scheduler/slots.ts";
import type { DesiredState } from "../../lib/model/state.ts";
import { type BackendSpec, type ServiceSpec, stateOf } from "../fake/services.ts";

/** Names that could be taken for one another, and some that nft would read as words of its own. */
const NAMES = ["web", "web4", "web46", "tcp", "drop", "1st"] as const;

const PORTS = [53, 80, 443, 65_535] as const;

/** 65535 beside others makes cycles that have to be bounded. */
const WEIGHTS = [0, 1, 3, 100, 300, 65_535] as const;

/** Few, so that a backend of one state has the id of another service's in the next. */
const ID_MAX = 24;

const BACKENDS_MAX = 4;

interface Draft {
  readonly families: readonly ("4" | "6")[];
  readonly service: Omit<ServiceSpec, "name" | "vip" | "backends">;
  readonly backends: readonly {
    readonly host: number;
    readonly port: number | undefined;
    readonly weight: number;
  }[];
}

const drafts: fc.Arbitrary<Draft> = fc.record({
  families: fc.subarray(["4", "6"] as const, { minLength: 1 }),
  service: fc.record({
    protocol: fc.constantFrom("tcp", "udp"),
    ports: fc.subarray([...PORTS], { minLength: 1 }),
    scheduler: fc.constantFrom(...SLOT_SCHEDULERS),
    masquerade: fc.boolean(),
  }),
  backends: fc.uniqueArray(
    fc.record({
      host: fc.integer({ min: 1, max: 6 }),
      port: fc.constantFrom(undefined, 80, 8080),
      weight: fc.constantFrom(...WEIGHTS),
    }),
    { maxLength: BACKENDS_MAX, selector: ({ host, port }) => `${host} ${port}` },
  ),
});

/** Zero to three services, each with its own VIPs. Two services may share backends' addresses. */
export const states: fc.Arbitrary<DesiredState> = fc.record({
  names: fc.shuffledSubarray([...NAMES], { maxLength: 3 }),
  drafts: fc.array(drafts, { minLength: 3, maxLength: 3 }),
  ids: fc.shuffledSubarray(Array.from({ length: ID_MAX }, (_, index) => index + 1), {
    minLength: 2 * 3 * BACKENDS_MAX,
  }),
  mask: fc.constantFrom(DEFAULT_MARK_MASK, DEFAULT_MARK_MASK, 0x0ffff000),
}).map(({ names, drafts, ids, mask }) => {
  const fresh = ids[Symbol.iterator]();
  const nextId = () => fresh.next().value!;
  return stateOf(names.map((name, index) => finish(name, drafts[index]!, nextId)), mask);
});

function finish(name: string, draft: Draft, nextId: () => number): ServiceSpec {
  const host = NAMES.findIndex((other) => other === name) + 10;
  const backends = draft.families.flatMap((family) =>
    draft.backends.map(({ host, port, weight }): BackendSpec => ({
      id: nextId(),
      address: family === "4" ? `198.51.100.${host}` : `2001:db8:b::${host}`,
      port,
      weight,
    }))
  );
  const vip = draft.families.map((family) =>
    family === "4" ? `203.0.113.${host}` : `2001:db8:1::${host}`
  );
  return { ...draft.service, name, vip, backends };
}
