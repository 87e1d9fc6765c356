import assert from "node:assert/strict";
import fc from "fast-check";
import { Dispatch } from "../../../../lib/engine/nfqueue/dispatch.ts";
import { contains, isSingle } from "../../../../lib/model/address.ts";
import { newPacket, parsePacket } from "../../../../lib/packet/packet.ts";
import { addressOf, type FirstPacket, firstPacket, queueServiceOf, type QueueSpec } from "./rig.ts";

function found(services: readonly QueueSpec[], packet: FirstPacket): number {
  const { view, start, end } = firstPacket(packet);
  const headers = newPacket();
  assert.equal(parsePacket(view, start, end, headers), "flow");
  return new Dispatch(services.map(queueServiceOf)).find(view, headers);
}

const SERVICES: readonly QueueSpec[] = [
  { vip: ["203.0.113.10", "2001:db8:1::10"], ports: [80, 443] },
  { vip: ["203.0.113.0/24", "2001:db8:1::/112"], ports: [80, "8000-8010"] },
  { vip: ["203.0.113.10"], protocol: "udp", ports: "all" },
  { vip: ["203.0.113.64/26"], ports: ["9000-9999"] },
  { vip: ["203.0.113.10"], protocol: "sctp", ports: [80] },
];

Deno.test("a packet is for the service with its address, protocol and port", () => {
  assert.equal(found(SERVICES, {}), 0);
  assert.equal(found(SERVICES, { dport: 443 }), 0);
  assert.equal(found(SERVICES, { protocol: "sctp" }), 4);
  assert.equal(found(SERVICES, { from: "2001:db8:c::1", to: "2001:db8:1::10" }), 0);
  assert.equal(found(SERVICES, { dport: 81 }), -1);
  assert.equal(found(SERVICES, { to: "198.51.100.1" }), -1);
  assert.equal(found([], {}), -1);
});

Deno.test("prefixes, port ranges and all ports are looked up behind what is exact", () => {
  assert.equal(found(SERVICES, { to: "203.0.113.11" }), 1);
  assert.equal(found(SERVICES, { dport: 8000 }), 1);
  assert.equal(found(SERVICES, { dport: 8010 }), 1);
  assert.equal(found(SERVICES, { dport: 8011 }), -1);
  assert.equal(found(SERVICES, { to: "203.0.113.65", dport: 9500 }), 3);
  assert.equal(found(SERVICES, { to: "203.0.113.65", dport: 80 }), 1);
  assert.equal(found(SERVICES, { to: "203.0.113.63", dport: 9500 }), -1);
  assert.equal(found(SERVICES, { from: "2001:db8:c::1", to: "2001:db8:1::ffff" }), 1);
  assert.equal(found(SERVICES, { from: "2001:db8:c::1", to: "2001:db8:1::1:0" }), -1);
  for (const dport of [1, 65535]) assert.equal(found(SERVICES, { protocol: "udp", dport }), 2);
});

Deno.test("an IPv4 address is not the IPv6 address that begins with the same bytes", () => {
  const services = [{ vip: ["cb00:710a::"], ports: [80] }];
  assert.equal(found(services, { to: "203.0.113.10" }), -1);
  assert.equal(found(services, { from: "2001:db8:c::1", to: "cb00:710a::" }), 0);
});

const VIP = fc.constantFrom(
  ...["0.0.0.0/0", "203.0.113.0/24", "203.0.113.8/29", "203.0.113.10", "203.0.113.11"],
  ...["::/0", "2001:db8::/33", "2001:db8:1::/64", "2001:db8:1::/127", "2001:db8:1::1"],
);
const PORTS = fc.oneof(
  fc.constant("all" as const),
  fc.uniqueArray(fc.constantFrom(80, 81, "80-82", "1000-2000"), { minLength: 1, maxLength: 1 }),
);
const TO = fc.constantFrom(
  ...["203.0.113.10", "203.0.113.11", "203.0.113.200", "192.0.2.9"],
  ...["2001:db8:1::1", "2001:db8:1::", "2001:db8:8000::", "2001:db9::"],
);

/** The same slowly: who claims the packet exactly, or else who does by the longest prefix. */
function claimants(services: readonly QueueSpec[], { to, dport }: Required<FirstPacket>): number[] {
  const address = addressOf(to);
  const claims = services.map(queueServiceOf).flatMap(({ vip, ports }, service) =>
    vip.filter((prefix) => contains(prefix, address)).flatMap((prefix) =>
      (ports === "all" ? [{ first: 0, last: 65535 }] : ports)
        .filter(({ first, last }) => first <= dport && dport <= last)
        .map(({ first, last }) => ({
          service,
          prefix,
          isExact: isSingle(prefix) && first === last,
        }))
    )
  );
  const exact = claims.filter(({ isExact }) => isExact);
  const longest = Math.max(...claims.map(({ prefix }) => prefix.length));
  const best = exact.length > 0 ? exact : claims.filter(({ prefix }) => prefix.length === longest);
  return best.map(({ service }) => service);
}

Deno.test("whatever the services, the one found has the best claim, and none is found where nobody has one", () => {
  const service = fc.record({ vip: fc.array(VIP, { minLength: 1, maxLength: 2 }), ports: PORTS });
  fc.assert(
    fc.property(
      fc.array(service, { maxLength: 12 }),
      TO,
      fc.constantFrom(79, 80, 81, 1500),
      (services, to, dport) => {
        const from = to.includes(":") ? "2001:db8:c::1" : "192.0.2.1";
        const packet = { from, to, dport, sport: 1, protocol: "tcp" as const };
        const index = found(services, packet);
        const claims = claimants(services, packet);
        assert.ok(index < 0 ? claims.length === 0 : claims.includes(index), `${index}: ${claims}`);
      },
    ),
    { numRuns: 500 },
  );
});

Deno.test("a thousand services with a thousand addresses each find their own packets", () => {
  const vip = (index: number) => `203.0.${index >>> 8}.${index & 255}`;
  const services = Array.from({ length: 1_000 }, (_, index) => ({ vip: [vip(index)] }));
  const dispatch = new Dispatch(services.map(queueServiceOf));
  const headers = newPacket();
  for (let index = 0; index < 1_001; index++) {
    const { view, start, end } = firstPacket({ to: vip(index) });
    parsePacket(view, start, end, headers);
    assert.equal(dispatch.find(view, headers), index < 1_000 ? index : -1);
  }
});
