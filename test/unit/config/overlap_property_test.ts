import { deepStrictEqual } from "node:assert/strict";
import fc from "fast-check";
import { overlapsBetween } from "../../../lib/config/overlap.ts";
import { contains, isSingle, parsePrefix, type Prefix } from "../../../lib/model/address.ts";
import type { PortRange, Protocol } from "../../../lib/model/service.ts";

interface Service {
  readonly name: string;
  readonly protocol: Protocol;
  readonly vip: readonly Prefix[];
  readonly ports: readonly PortRange[] | "all";
}

/** Few bits, so that prefixes meet: 10.0.0.0/28 and below, and the like in IPv6. */
const prefix = fc.record({ six: fc.boolean(), host: fc.nat(15), free: fc.nat(4) })
  .map(({ six, host, free }) => {
    const base = (host >> free) << free;
    const text = six
      ? `2001:db8::${base.toString(16)}/${128 - free}`
      : `10.0.0.${base}/${32 - free}`;
    return parsePrefix(text) ?? fail(text);
  });

const range = fc.record({ first: fc.integer({ min: 1, max: 12 }), more: fc.nat(3) })
  .map(({ first, more }) => ({ first, last: first + more }));

/** One VIP and one range, so that nothing overlaps within a service; so few that all pairs are named. */
const services = fc.array(
  fc.record({
    protocol: fc.constantFrom<Protocol>("tcp", "udp"),
    vip: fc.tuple(prefix),
    ports: fc.oneof({ weight: 9, arbitrary: fc.tuple(range) }, fc.constant("all" as const)),
  }),
  { maxLength: 5 },
).map((list): Service[] => list.map((one, index) => ({ ...one, name: `s${index}` })));

function fail(text: string): never {
  throw new RangeError(text);
}

/** The sentence of config.md, one pair at a time. */
function clash(a: Service, b: Service): boolean {
  const [vipA, vipB] = [a.vip[0] ?? fail(a.name), b.vip[0] ?? fail(b.name)];
  const [portsA, portsB] = [rangeOf(a), rangeOf(b)];
  const meet = a.protocol === b.protocol && (contains(vipA, vipB) || contains(vipB, vipA)) &&
    portsA.first <= portsB.last && portsB.first <= portsA.last;
  const exact = (vip: Prefix, ports: PortRange) => isSingle(vip) && ports.first === ports.last;
  return meet && exact(vipA, portsA) === exact(vipB, portsB);
}

function rangeOf({ ports }: Service): PortRange {
  return ports === "all" ? { first: 1, last: 65535 } : ports[0] ?? fail("no ports");
}

function pairsThatClash(list: readonly Service[]): string[] {
  return list.flatMap((later, index) =>
    list.slice(0, index).filter((earlier) => clash(earlier, later)).map(({ name }) =>
      `${later.name} ${name}`
    )
  );
}

function pairsReported(list: readonly Service[]): string[] {
  return overlapsBetween({ service: list.map((one) => ({ ...one, vip: [...one.vip] })) })
    .map(({ path, message }) => `s${path[1]} ${/`(.*)`/.exec(message)?.[1]}`);
}

Deno.test("the overlaps that are found are those that comparing each with each finds", () => {
  fc.assert(
    fc.property(services, (list) => {
      deepStrictEqual(pairsReported(list).sort(), pairsThatClash(list).sort());
    }),
    { numRuns: 5000 },
  );
});

Deno.test("the common part is what both claim", () => {
  const vip = (text: string) => [parsePrefix(text) ?? fail(text)];
  const [problem] = overlapsBetween({
    service: [
      { name: "a", vip: vip("10.0.0.0/24"), ports: [{ first: 80, last: 90 }] },
      { name: "b", vip: vip("10.0.0.128/25"), ports: [{ first: 85, last: 99 }] },
    ],
  });
  deepStrictEqual(problem?.message, "vip: 10.0.0.128/25 tcp 85-90 belongs to service `a`");
});
