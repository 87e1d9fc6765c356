import assert from "node:assert/strict";
import type { BackendSpec, ServiceSpec } from "../../../fake/services.ts";
import { Ruleset } from "./ruleset.ts";
import type { Fate } from "./trace.ts";

const VIP = "203.0.113.10:80";
const VIP6 = "[2001:db8:1::10]:80";
const B: readonly BackendSpec[] = [
  { id: 1, address: "198.51.100.11" },
  { id: 2, address: "198.51.100.12" },
  { id: 3, address: "2001:db8:b::11" },
];

function service(more: Partial<ServiceSpec> = {}): ServiceSpec {
  return { vip: ["203.0.113.10", "2001:db8:1::10"], backends: B, ...more };
}

let port = 1024;

function connect(ruleset: Ruleset, client = "192.0.2.9", to = VIP, protocol = "tcp"): Fate {
  const address = client.includes(":") ? `[${client}]` : client;
  return ruleset.tracer.send({ from: `${address}:${++port}`, to, protocol });
}

function several(ruleset: Ruleset, count: number, client?: string, to?: string): string[] {
  return Array.from({ length: count }, () => connect(ruleset, client, to).to);
}

const isRefused = (to: string) => ["reset", "unreachable", "dropped"].includes(to);
const admitted = (fates: readonly string[]) => fates.filter((to) => !isRefused(to)).length;

Deno.test("max_connections: so many are held, the next is refused, one that ends makes room for one", () => {
  const ruleset = new Ruleset([service({ max_connections: 3 })]);
  const held = [1, 2, 3].map(() => connect(ruleset));
  assert.deepEqual(several(ruleset, 2), ["reset", "reset"]);
  ruleset.tracer.end(held[1]!);
  assert.deepEqual(several(ruleset, 2).map(isRefused), [false, true]);
});

Deno.test("max_connections of a service is for both IP versions together, and for all its VIPs and ports", () => {
  const ruleset = new Ruleset([service({ max_connections: 2, ports: [80, "1000-1009"] })]);
  assert.equal(isRefused(connect(ruleset).to), false);
  assert.equal(isRefused(connect(ruleset, "2001:db8:c::9", VIP6).to), false);
  assert.equal(connect(ruleset, "192.0.2.9", "203.0.113.10:1005").to, "reset");
  assert.equal(connect(ruleset, "2001:db8:c::9", VIP6).to, "reset");
});

Deno.test("max_connections: over_limit = drop says nothing, and udp is refused by ICMP", () => {
  const dropping = new Ruleset([service({ max_connections: 1, over_limit: "drop" })]);
  assert.deepEqual(several(dropping, 2)[1], "dropped");
  const udp = new Ruleset([service({ max_connections: 1, protocol: "udp", ports: [53] })]);
  const ask = () => connect(udp, "192.0.2.9", "203.0.113.10:53", "udp").to;
  assert.equal(isRefused(ask()), false);
  assert.equal(ask(), "unreachable");
});

Deno.test("max_connections: a backend that is full refuses, the other one goes on", () => {
  const backends = [{ ...B[0]!, max_connections: 1 }, B[1]!];
  const ruleset = new Ruleset([service({ vip: ["203.0.113.10"], backends })]);
  assert.deepEqual(several(ruleset, 6), [
    ...["198.51.100.11:80", "198.51.100.12:80"],
    ...["reset", "198.51.100.12:80", "reset", "198.51.100.12:80"],
  ]);
});

Deno.test("max_connections: what was refused is neither counted nor marked", () => {
  const ruleset = new Ruleset([service({ max_connections: 1 })]);
  const [first, second] = [connect(ruleset), connect(ruleset)];
  assert.deepEqual([first.counters.length, first.ct_mark], [1, 0x100]);
  assert.deepEqual([second.counters, second.ct_mark], [[], 0]);
});

/** Changes of a service with limits that must not make it forget whom it counts. */
const GENTLE: readonly (readonly [string, Partial<ServiceSpec>])[] = [
  ["weights", { backends: B.map((one, index) => ({ ...one, weight: 50 + 25 * index })) }],
  ["another backend", { backends: [...B, { id: 9, address: "198.51.100.19" }] }],
  ["a backend less", { backends: B.slice(0, 1) }],
  ["another scheduler", { scheduler: "maglev" }],
  ["persistence", { persistence: { timeout_ms: 1_000, mask: 32, mask6: 128 } }],
  ["sources", { allow: ["192.0.2.0/24"], deny: ["192.0.2.66"] }],
  ["a rate", { max_new_per_second: 1_000 }],
  ["masquerade", { masquerade: true }],
  ["a mark", { mark: 1, dscp: 46, priority: "1:10" }],
  ["another port", { ports: [80, 443, "8000-8010"] }],
];

for (const [name, more] of GENTLE) {
  Deno.test(`max_connections: ${name} leaves the count alone`, () => {
    const limited = (one: BackendSpec) => one.id === 1 ? { ...one, max_connections: 2 } : one;
    const base = { max_connections: 3, backends: B.map(limited) };
    const ruleset = new Ruleset([service(base)]);
    several(ruleset, 3);
    const after = { ...base, ...more, backends: (more.backends ?? B).map(limited) };
    const changes = ruleset.change([service(after)]);
    assert.ok(changes.length > 0);
    assert.ok(changes.every((change) => !/table|chain [lm]-/.test(change)), changes.join());
    assert.equal(connect(ruleset, "192.0.2.9").to, "reset");
  });
}

Deno.test("max_connections: a new limit begins to count anew, and one service's is not another's", () => {
  const other = { name: "other", vip: ["203.0.113.11"], max_connections: 1, backends: [] };
  const ruleset = new Ruleset([service({ max_connections: 1 }), other]);
  several(ruleset, 1);
  const changes = ruleset.change([service({ max_connections: 2 }), other]);
  assert.deepEqual(changes, ["change chain l-web"]);
  assert.equal(admitted(several(ruleset, 4)), 2);
});

Deno.test("max_new_per_second: a second's worth at once, then the rate, for each source alone", () => {
  const ruleset = new Ruleset([service({ max_new_per_second: 5 })]);
  assert.equal(admitted(several(ruleset, 20)), 5);
  assert.equal(admitted(several(ruleset, 20, "192.0.2.10")), 5, "a neighbour has his own");
  ruleset.tracer.now_ms += 400;
  assert.equal(admitted(several(ruleset, 20)), 2);
  ruleset.tracer.now_ms += 60_000;
  assert.equal(admitted(several(ruleset, 20)), 5, "no more than a second's worth is saved");
});

Deno.test("max_new_per_second: an IPv6 client is its /64", () => {
  const ruleset = new Ruleset([service({ max_new_per_second: 2 })]);
  const from = (client: string) => connect(ruleset, client, VIP6).to;
  const clients = ["2001:db8:c::1", "2001:db8:c::2:3:4:5", "2001:db8:c::ffff"];
  assert.deepEqual(clients.map((client) => isRefused(from(client))), [false, false, true]);
  assert.equal(isRefused(from("2001:db8:d::1")), false);
});

Deno.test("max_new_per_second: under load it is the rate, not more, however long it lasts", () => {
  const ruleset = new Ruleset([service({ max_new_per_second: 5 })]);
  let count = 0;
  for (let step = 0; step < 60 * 20; step++) {
    count += admitted(several(ruleset, 1));
    ruleset.tracer.now_ms += 50;
  }
  assert.ok(count >= 300 && count <= 305, `${count} in a minute`);
});

Deno.test("max_new_per_second: over_limit = drop says nothing; who is over it does not count as a connection", () => {
  const limits = { max_new_per_second: 1, max_connections: 2, over_limit: "drop" } as const;
  const ruleset = new Ruleset([service(limits)]);
  assert.deepEqual(several(ruleset, 5).slice(1), Array(4).fill("dropped"));
  assert.equal(admitted(several(ruleset, 1, "192.0.2.10")), 1);
  assert.equal(admitted(several(ruleset, 1, "192.0.2.11")), 0, "now max_connections is reached");
});

Deno.test("max_new_per_second: the buckets survive a change of weights", () => {
  const ruleset = new Ruleset([service({ max_new_per_second: 5 })]);
  several(ruleset, 20);
  const backends = B.map((one) => ({ ...one, weight: 10 * one.id }));
  const changes = ruleset.change([service({ max_new_per_second: 5, backends })]);
  assert.ok(changes.length > 0 && changes.every((change) => !/rt-web/.test(change)));
  assert.equal(admitted(several(ruleset, 5)), 0);
});

const SOURCES: readonly (readonly [string, Partial<ServiceSpec>, Record<string, boolean>])[] = [
  ["deny alone", { deny: ["192.0.2.0/25"] }, {
    "192.0.2.0": false,
    "192.0.2.127": false,
    "192.0.2.128": true,
    "2001:db8:c::1": true,
  }],
  ["allow alone", { allow: ["192.0.2.0/25", "2001:db8:c::/64"] }, {
    "192.0.2.127": true,
    "192.0.2.128": false,
    "2001:db8:c::1": true,
    "2001:db8:d::1": false,
  }],
  ["deny before allow", { allow: ["192.0.2.0/24"], deny: ["192.0.2.66"] }, {
    "192.0.2.65": true,
    "192.0.2.66": false,
    "198.18.0.1": false,
  }],
  ["allow inside deny does not help", { allow: ["192.0.2.66"], deny: ["192.0.2.0/24"] }, {
    "192.0.2.66": false,
  }],
  ["networks that contain each other", { allow: ["192.0.2.66", "192.0.2.0/24", "192.0.2.64/26"] }, {
    "192.0.2.1": true,
    "192.0.2.66": true,
    "192.0.3.1": false,
  }],
  ["everybody", { allow: ["0.0.0.0/0", "::/0"] }, {
    "0.0.0.1": true,
    "255.255.255.254": true,
    "2001:db8:c::1": true,
  }],
  ["networks of one IP version let in nobody of the other", { allow: ["192.0.2.0/24"] }, {
    "192.0.2.1": true,
    "2001:db8:c::1": false,
  }],
];

for (const [name, more, clients] of SOURCES) {
  Deno.test(`sources: ${name}`, () => {
    const ruleset = new Ruleset([service(more)]);
    for (const [client, isLetIn] of Object.entries(clients)) {
      const { to } = connect(ruleset, client, client.includes(":") ? VIP6 : VIP);
      assert.equal(to === "dropped", !isLetIn, `${client}: ${to}`);
      assert.equal(isRefused(to), !isLetIn, `${client}: ${to}`);
    }
  });
}

Deno.test("sources: who is kept out takes no place, no tokens and no entry", () => {
  const limits = { max_connections: 1, max_new_per_second: 1, deny: ["192.0.2.66"] };
  const persistence = { timeout_ms: 1_000, mask: 24, mask6: 64 };
  const ruleset = new Ruleset([service({ ...limits, persistence })]);
  several(ruleset, 5, "192.0.2.66");
  assert.deepEqual([ruleset.elements("rt-web4"), ruleset.elements("st-web4")], [{}, {}]);
  assert.equal(admitted(several(ruleset, 1)), 1);
});
