import assert from "node:assert/strict";
import type { ServiceSpec } from "../../../fake/services.ts";
import { LAYOUTS, Ruleset } from "./ruleset.ts";
import type { Packet } from "./trace.ts";

const C4 = "192.0.2.9:40000";
const C6 = "[2001:db8:c::9]:40000";

const SERVICES: readonly ServiceSpec[] = [
  {
    name: "net",
    vip: ["203.0.113.0/24", "2001:db8:1::/112"],
    ports: [80, "8000-8010"],
    backends: [
      { id: 1, address: "198.51.100.11" },
      { id: 2, address: "2001:db8:b::11", port: 8080 },
    ],
  },
  { name: "exact", ports: [8005], backends: [{ id: 3, address: "198.51.100.12", port: 5 }] },
  {
    name: "exact-v6",
    vip: ["2001:db8:1::a"],
    ports: [80],
    backends: [{ id: 4, address: "2001:db8:b::12" }],
  },
  // Inside the /24, on other ports: no overlap.
  {
    name: "inner",
    vip: ["203.0.113.64/26"],
    ports: ["443-443", "60000-65535"],
    backends: [{ id: 5, address: "198.51.100.13" }],
  },
  {
    name: "every",
    vip: ["203.0.114.1"],
    ports: "all",
    protocol: "udp",
    backends: [{ id: 6, address: "198.51.100.14" }],
  },
  // A backend that lives inside the prefix it serves.
  {
    name: "self",
    vip: ["203.0.115.0/24"],
    ports: [80],
    backends: [{ id: 7, address: "203.0.115.200", port: 8080 }],
  },
  // Only the other family has backends.
  {
    name: "lone",
    vip: ["203.0.116.0/24", "2001:db8:6::/64"],
    ports: ["1-9"],
    backends: [{ id: 8, address: "2001:db8:b::18" }],
  },
];

/** What the row says, the packet, and what becomes of it. */
const ROWS: readonly (readonly [string, Packet, string])[] = [
  ["the first address of a prefix", { from: C4, to: "203.0.113.0:80" }, "198.51.100.11:80"],
  ["the last address of a prefix", { from: C4, to: "203.0.113.255:80" }, "198.51.100.11:80"],
  ["one before a prefix", { from: C4, to: "203.0.112.255:80" }, "untouched"],
  ["a v6 prefix, to the backend's port", {
    from: C6,
    to: "[2001:db8:1::ffff]:80",
  }, "[2001:db8:b::11]:8080"],
  ["one behind a v6 prefix", { from: C6, to: "[2001:db8:1::1:0]:80" }, "untouched"],
  ["the first port of a range is kept", {
    from: C4,
    to: "203.0.113.9:8000",
  }, "198.51.100.11:8000"],
  ["the last port of a range is kept", { from: C4, to: "203.0.113.9:8010" }, "198.51.100.11:8010"],
  ["one port behind a range", { from: C4, to: "203.0.113.9:8011" }, "reset"],
  ["a v6 range to one backend port", {
    from: C6,
    to: "[2001:db8:1::9]:8003",
  }, "[2001:db8:b::11]:8080"],
  ["the exact one wins inside a range", { from: C4, to: "203.0.113.10:8005" }, "198.51.100.12:5"],
  ["its neighbours by port are the range's", {
    from: C4,
    to: "203.0.113.10:8004",
  }, "198.51.100.11:8004"],
  ["its neighbours by address, too", { from: C4, to: "203.0.113.11:8005" }, "198.51.100.11:8005"],
  ["the exact one wins inside a v6 prefix", {
    from: C6,
    to: "[2001:db8:1::a]:80",
  }, "[2001:db8:b::12]:80"],
  ["a range written as one port", { from: C4, to: "203.0.113.64:443" }, "198.51.100.13:443"],
  ["the last port there is", { from: C4, to: "203.0.113.127:65535" }, "198.51.100.13:65535"],
  ["the outer prefix's port, inside the inner one", {
    from: C4,
    to: "203.0.113.65:80",
  }, "198.51.100.11:80"],
  ["the inner prefix's port, outside of it", { from: C4, to: "203.0.113.1:443" }, "reset"],
  ["all: the lowest port", {
    from: C4,
    to: "203.0.114.1:1",
    protocol: "udp",
  }, "198.51.100.14:1"],
  ["all: the highest port", {
    from: C4,
    to: "203.0.114.1:65535",
    protocol: "udp",
  }, "198.51.100.14:65535"],
  ["all is for one protocol", { from: C4, to: "203.0.114.1:80" }, "reset"],
  ["from the balancer itself, to a prefix", {
    from: C4,
    to: "203.0.113.99:80",
    local: true,
  }, "198.51.100.11:80"],
  ["from the balancer itself, to a prefix's other port", {
    from: C4,
    to: "203.0.113.99:81",
    local: true,
  }, "reset"],
  ["a backend inside the prefix is reached", {
    from: C4,
    to: "203.0.115.1:80",
  }, "203.0.115.200:8080"],
  ["a backend inside the prefix is reached from here, too", {
    from: C4,
    to: "203.0.115.1:80",
    local: true,
  }, "203.0.115.200:8080"],
  ["a prefix without a backend of its family", { from: C4, to: "203.0.116.7:5" }, "reset"],
  ["the same from the balancer itself", {
    from: C4,
    to: "203.0.116.7:5",
    local: true,
  }, "reset"],
  ["the family that has one", { from: C6, to: "[2001:db8:6::7]:5" }, "[2001:db8:b::18]:5"],
  ["invalid to a prefix", {
    from: C4,
    to: "203.0.113.77:80",
    state: "invalid",
  }, "dropped"],
];

for (const [layout, lacks] of Object.entries(LAYOUTS)) {
  for (const [name, packet, expected] of ROWS) {
    Deno.test(`intervals: ${layout}: ${name} → ${expected}`, () => {
      const { to, priority } = new Ruleset(SERVICES, undefined, lacks).tracer.send(packet);
      assert.deepEqual([to, priority], [expected, "none"]);
    });
  }
}

Deno.test("intervals: sctp is refused by ICMP where there is nobody, and balanced where there is", () => {
  const ruleset = new Ruleset([
    { protocol: "sctp", ports: [2905], backends: [{ id: 1, address: "198.51.100.11" }] },
    { name: "bare", vip: ["203.0.113.11"], protocol: "sctp", ports: ["1-9"] },
  ]);
  assert.equal(ruleset.to(C4, "203.0.113.10:2905", "sctp"), "198.51.100.11:2905");
  assert.equal(ruleset.to(C4, "203.0.113.11:5", "sctp"), "unreachable");
});

Deno.test("intervals: the narrow prefix goes on when the wide one around it leaves, and comes back", () => {
  const backends = [{ id: 1, address: "198.51.100.11" }];
  const narrow = { name: "narrow", vip: ["203.0.113.128/25"], ports: [443], backends };
  const wide = {
    name: "wide",
    vip: ["203.0.113.0/24"],
    backends: [{ id: 2, address: "198.51.100.12" }],
  };
  const ruleset = new Ruleset([wide, narrow]);
  const fates = () =>
    ["203.0.113.130:443", "203.0.113.130:80", "203.0.113.1:80"].map((to) => ruleset.to(C4, to));
  const both = fates();
  assert.deepEqual(both, ["198.51.100.11:443", "198.51.100.12:80", "198.51.100.12:80"]);
  ruleset.change([narrow]);
  assert.deepEqual(fates(), ["198.51.100.11:443", "reset", "untouched"]);
  ruleset.change([wide, narrow]);
  assert.deepEqual(fates(), both);
});

Deno.test("intervals: a range that grows, shrinks or moves over its own ports is one edit", () => {
  const service = (ports: string) => ({
    ports: [ports],
    backends: [{ id: 1, address: "198.51.100.11" }],
  });
  const ruleset = new Ruleset([service("80-90")]);
  for (const ports of ["85-95", "80-99", "90-91", "1-65535"]) {
    const changes = ruleset.change([service(ports)]);
    assert.ok(changes.every((change) => change.startsWith("change ")), changes.join());
    const [first, last] = ports.split("-");
    assert.equal(ruleset.to(C4, `203.0.113.10:${first}`), `198.51.100.11:${first}`);
    assert.equal(ruleset.to(C4, `203.0.113.10:${last}`), `198.51.100.11:${last}`);
  }
});
