import assert from "node:assert/strict";
import { parseAddress } from "../../../../lib/model/address.ts";
import { hashSlot, slotTable } from "../../../../lib/scheduler/slots.ts";
import { backendOf, type BackendSpec, type ServiceSpec } from "../../../fake/services.ts";
import { Ruleset } from "./ruleset.ts";

const VIP4 = "203.0.113.10:80";
const VIP6 = "[2001:db8:1::10]:80";

const V4: readonly BackendSpec[] = [
  { id: 1, address: "198.51.100.11", weight: 300 },
  { id: 2, address: "198.51.100.12", weight: 100 },
  { id: 3, address: "198.51.100.13", weight: 0 },
];
const V6: readonly BackendSpec[] = [
  { id: 4, address: "2001:db8:b::11", weight: 300 },
  { id: 5, address: "2001:db8:b::12", weight: 100 },
  { id: 6, address: "2001:db8:b::13", weight: 0 },
];

function service(scheduler: ServiceSpec["scheduler"]): ServiceSpec {
  return { scheduler, vip: ["203.0.113.10", "2001:db8:1::10"], backends: [...V4, ...V6] };
}

Deno.test("wrr gives 3:1 exactly in every cycle, IPv4 and IPv6", () => {
  const ruleset = new Ruleset([service("wrr")]);
  for (let cycle = 0; cycle < 10; cycle++) {
    assert.deepEqual(ruleset.spread(4, VIP4), { "198.51.100.11:80": 3, "198.51.100.12:80": 1 });
    assert.deepEqual(ruleset.spread(4, VIP6, "2001:db8:c::9"), {
      "[2001:db8:b::11]:80": 3,
      "[2001:db8:b::12]:80": 1,
    });
  }
});

Deno.test("rr gives everybody with a weight the same", () => {
  const ruleset = new Ruleset([service("rr")]);
  assert.deepEqual(ruleset.spread(100, VIP4), { "198.51.100.11:80": 50, "198.51.100.12:80": 50 });
});

Deno.test("random follows the weights within 3 %", () => {
  const { "198.51.100.11:80": heavy = 0, "198.51.100.12:80": light = 0, ...others } = new Ruleset([
    service("random"),
  ]).spread(4000, VIP4);
  assert.deepEqual(others, {});
  assert.ok(Math.abs(heavy / (heavy + light) - 0.75) < 0.03, `${heavy}:${light}`);
});

Deno.test("maglev follows the weights within 2 %, IPv4 and IPv6", () => {
  const ruleset = new Ruleset([service("maglev")]);
  for (const [vip, client] of [[VIP4, "192.0.2.9"], [VIP6, "2001:db8:c::9"]] as const) {
    const [heavy = 0, light = 0, ...others] = Object.values(ruleset.spread(10_000, vip, client))
      .sort((a, b) => b - a);
    assert.deepEqual(others, []);
    assert.ok(Math.abs(heavy / (heavy + light) - 0.75) < 0.02, `${heavy}:${light}`);
  }
});

Deno.test("sh sends one client to one backend, whatever its port", () => {
  const ruleset = new Ruleset([service("sh")]);
  const clients = Array.from({ length: 40 }, (_, index) => `192.0.2.${index + 1}`);
  const seen = clients.map((client) => Object.keys(ruleset.spread(5, VIP4, client)));
  assert.ok(seen.every(({ length }) => length === 1));
  assert.ok(new Set(seen.flat()).size > 1, "but not all clients to the same");
});

for (const scheduler of ["sh", "maglev"] as const) {
  Deno.test(`${scheduler}: the rules choose what hashSlot() predicts, IPv4 and IPv6`, () => {
    const ruleset = new Ruleset([service(scheduler)]);
    for (const [backends, vip, clients] of CASES) {
      const table = slotTable(scheduler, "web", backends.map(backendOf));
      for (const client of clients) {
        for (const port of [1024, 40_000, 65_535]) {
          const source = parseAddress(client)!;
          const id = table.slots[hashSlot(table, source, port)!];
          const { counters } = ruleset.tracer.send({ from: endpoint(client, port), to: vip });
          assert.deepEqual(counters, [`n-${id}`], `${client} ${port}`);
        }
      }
    }
  });
}

const CASES = [
  [V4, VIP4, ["192.0.2.1", "192.0.2.254", "10.0.0.1", "255.255.255.254"]],
  [V6, VIP6, ["2001:db8:c::1", "fe80::1", "2001:db8:c:1:2:3:4:5", "::ffff:192.0.2.1"]],
] as const;

function endpoint(address: string, port: number): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}

Deno.test("sh and maglev: two services spread one client differently", () => {
  const spread = (name: string) => new Ruleset([{ ...service("maglev"), name }]).spread(50, VIP4);
  const choices = ["web", "shop", "mail", "api"].map((name) => JSON.stringify(spread(name)));
  assert.ok(new Set(choices).size > 1);
});

Deno.test("a backend with weight 0 gets no new connection from any scheduler", () => {
  for (const scheduler of ["rr", "wrr", "random", "sh", "maglev"] as const) {
    const ruleset = new Ruleset([service(scheduler)]);
    assert.equal(ruleset.spread(2000, VIP4)["198.51.100.13:80"], undefined, scheduler);
  }
});

Deno.test("a removed backend gets no new connection, an added one does", () => {
  for (const scheduler of ["rr", "wrr", "random", "sh", "maglev"] as const) {
    const base: ServiceSpec = { scheduler, backends: V4.slice(0, 2) };
    const ruleset = new Ruleset([base]);
    const clients = Array.from({ length: 64 }, (_, index) => `192.0.2.${index + 1}:40000`);
    const asked = () => new Set(clients.map((client) => ruleset.to(client, VIP4)));
    assert.deepEqual([...asked()].sort(), ["198.51.100.11:80", "198.51.100.12:80"], scheduler);
    const added = { id: 7, address: "198.51.100.17", weight: 300 };
    ruleset.change([{ ...base, backends: [V4[0]!, added] }]);
    assert.deepEqual([...asked()].sort(), ["198.51.100.11:80", "198.51.100.17:80"], scheduler);
  }
});

Deno.test("a weight change under wrr counts from the next connection on", () => {
  const backends = (weight: number) => [V4[0]!, { ...V4[1]!, weight }];
  const ruleset = new Ruleset([{ backends: backends(100) }]);
  ruleset.spread(3, VIP4);
  ruleset.change([{ backends: backends(300) }]);
  assert.deepEqual(ruleset.spread(10, VIP4), { "198.51.100.11:80": 5, "198.51.100.12:80": 5 });
});

Deno.test("a service whose last backend goes refuses, and serves again with the next", () => {
  const ruleset = new Ruleset([{ backends: [{ id: 1, address: "198.51.100.11" }] }]);
  ruleset.change([{ backends: [] }]);
  assert.equal(ruleset.to("192.0.2.9:40000", VIP4), "reset");
  ruleset.change([{ backends: [{ id: 2, address: "198.51.100.12" }] }]);
  assert.equal(ruleset.to("192.0.2.9:40000", VIP4), "198.51.100.12:80");
});
