import assert from "node:assert/strict";
import type { ServiceSpec } from "../../../fake/services.ts";
import { LAYOUTS, Ruleset } from "./ruleset.ts";
import type { Packet } from "./trace.ts";

const SERVICES: readonly ServiceSpec[] = [
  {
    name: "web",
    vip: ["203.0.113.10", "203.0.113.11", "2001:db8:1::10"],
    ports: [80, 443],
    backends: [
      { id: 1, address: "198.51.100.11", port: 8080 },
      { id: 2, address: "2001:db8:b::11", port: 8080 },
    ],
  },
  {
    name: "dns",
    vip: ["203.0.113.10", "2001:db8:1::53"],
    protocol: "udp",
    ports: [53],
    backends: [{ id: 3, address: "198.51.100.53" }, { id: 4, address: "2001:db8:b::53" }],
  },
  {
    name: "dns-tcp",
    vip: ["203.0.113.10"],
    ports: [53],
    backends: [{ id: 5, address: "198.51.100.54", port: 5353 }],
  },
  {
    name: "quiet",
    vip: ["203.0.113.20"],
    backends: [{ id: 6, address: "198.51.100.60", weight: 0 }],
  },
  { name: "bare", vip: ["203.0.113.21", "2001:db8:1::21"], ports: [80] },
  { name: "bare-udp", vip: ["203.0.113.21"], protocol: "udp", ports: [53] },
];

const C4 = "192.0.2.9:40000";
const C6 = "[2001:db8:c::9]:40000";

/** What the row says, the packet, and what becomes of it. */
const ROWS: readonly (readonly [string, Packet, string])[] = [
  ["v4 to the backend's port", { from: C4, to: "203.0.113.10:80" }, "198.51.100.11:8080"],
  ["v4, the second port", { from: C4, to: "203.0.113.10:443" }, "198.51.100.11:8080"],
  ["v4, the second VIP", { from: C4, to: "203.0.113.11:80" }, "198.51.100.11:8080"],
  ["v6 to the v6 backend", { from: C6, to: "[2001:db8:1::10]:80" }, "[2001:db8:b::11]:8080"],
  ["v6, the second port", { from: C6, to: "[2001:db8:1::10]:443" }, "[2001:db8:b::11]:8080"],
  [
    "from the balancer itself",
    { from: C4, to: "203.0.113.10:80", local: true },
    "198.51.100.11:8080",
  ],
  [
    "v6 from the balancer itself",
    { from: C6, to: "[2001:db8:1::10]:80", local: true },
    "[2001:db8:b::11]:8080",
  ],
  ["udp keeps the port", { from: C4, to: "203.0.113.10:53", protocol: "udp" }, "198.51.100.53:53"],
  [
    "udp v6 keeps the port",
    { from: C6, to: "[2001:db8:1::53]:53", protocol: "udp" },
    "[2001:db8:b::53]:53",
  ],
  [
    "tcp and udp on one port are two services",
    { from: C4, to: "203.0.113.10:53" },
    "198.51.100.54:5353",
  ],
  ["weight 0 alone refuses", { from: C4, to: "203.0.113.20:80" }, "reset"],
  ["no backends refuse", { from: C4, to: "203.0.113.21:80" }, "reset"],
  ["no backends refuse, v6", { from: C6, to: "[2001:db8:1::21]:80" }, "reset"],
  ["no backends refuse udp", { from: C4, to: "203.0.113.21:53", protocol: "udp" }, "unreachable"],
  [
    "no backends refuse the balancer itself",
    { from: C4, to: "203.0.113.21:80", local: true },
    "reset",
  ],
  ["a port without a service, asked for here", {
    from: C4,
    to: "203.0.113.10:81",
    local: true,
  }, "reset"],
  [
    "a VIP on this machine leaves other ports to this machine's sockets, asked for here",
    { from: C4, to: "203.0.113.10:22", local: true, vip_is_local: true },
    "untouched",
  ],
  ["a port without a service", { from: C4, to: "203.0.113.10:81" }, "reset"],
  ["a port without a service, v6", { from: C6, to: "[2001:db8:1::10]:81" }, "reset"],
  [
    "a udp port without a service",
    { from: C4, to: "203.0.113.11:53", protocol: "udp" },
    "unreachable",
  ],
  [
    "the other protocol of a service",
    { from: C4, to: "203.0.113.20:80", protocol: "udp" },
    "unreachable",
  ],
  [
    "a VIP on this machine leaves other ports to this machine",
    { from: C4, to: "203.0.113.10:22", vip_is_local: true },
    "untouched",
  ],
  ["no VIP at all", { from: C4, to: "203.0.113.99:80" }, "untouched"],
  ["no VIP at all, v6", { from: C6, to: "[2001:db8:1::99]:80" }, "untouched"],
  ["a backend asked directly", { from: C4, to: "198.51.100.11:8080" }, "untouched"],
  ["invalid to a VIP", { from: C4, to: "203.0.113.10:80", state: "invalid" }, "dropped"],
  ["invalid to a VIP, v6", { from: C6, to: "[2001:db8:1::10]:80", state: "invalid" }, "dropped"],
  [
    "invalid to a VIP's other port",
    { from: C4, to: "203.0.113.10:81", state: "invalid" },
    "dropped",
  ],
  ["invalid from a backend", { from: "198.51.100.11:8080", to: C4, state: "invalid" }, "dropped"],
  [
    "invalid from a backend, v6",
    { from: "[2001:db8:b::11]:8080", to: C6, state: "invalid" },
    "dropped",
  ],
  [
    "invalid from a backend in a protocol it does not serve",
    { from: "198.51.100.11:8080", to: C4, state: "invalid", protocol: "udp" },
    "untouched",
  ],
  ["invalid between others", { from: C4, to: "203.0.113.99:80", state: "invalid" }, "untouched"],
  [
    "an established connection is conntrack's, not ours",
    { from: C4, to: "203.0.113.10:80", state: "established" },
    "untouched",
  ],
  [
    "an established connection to a service without backends goes on",
    { from: C4, to: "203.0.113.21:80", state: "established" },
    "untouched",
  ],
];

for (const [layout, lacks] of Object.entries(LAYOUTS)) {
  for (const [name, packet, expected] of ROWS) {
    Deno.test(`dispatch: ${layout}: ${name} → ${expected}`, () => {
      const fate = new Ruleset(SERVICES, undefined, lacks).tracer.send(packet);
      assert.equal(fate.to, expected);
      assert.equal(fate.masqueraded, false);
      assert.equal(fate.priority, "none", "the scratch register is put back");
    });
  }
}

Deno.test("dispatch: only a connection that got a backend is counted and marked", () => {
  for (const [name, packet, expected] of ROWS) {
    const { counters, ct_mark } = new Ruleset(SERVICES).tracer.send(packet);
    const balanced = /:\d+$/.test(expected);
    assert.equal(counters.length, balanced ? 1 : 0, name);
    assert.equal(ct_mark, balanced ? Number(counters[0]?.slice("n-".length)) << 8 : 0, name);
  }
});

Deno.test("dispatch: a service name that is another's with a digit does not mix them up", () => {
  const backends = (id: number) => [
    { id, address: `198.51.100.${id}` },
    { id: id + 1, address: `2001:db8:b::${id}` },
  ];
  const ruleset = new Ruleset([
    { name: "web", vip: ["203.0.113.1", "2001:db8:1::1"], backends: backends(1) },
    { name: "web4", vip: ["203.0.113.2", "2001:db8:1::2"], backends: backends(3) },
    { name: "web46", vip: ["203.0.113.3", "2001:db8:1::3"], backends: backends(5) },
  ]);
  assert.deepEqual(
    [1, 2, 3].map((vip) => ruleset.to(C4, `203.0.113.${vip}:80`)),
    ["198.51.100.1:80", "198.51.100.3:80", "198.51.100.5:80"],
  );
  assert.deepEqual(
    [1, 2, 3].map((vip) => ruleset.to(C6, `[2001:db8:1::${vip}]:80`)),
    ["[2001:db8:b::1]:80", "[2001:db8:b::3]:80", "[2001:db8:b::5]:80"],
  );
});
