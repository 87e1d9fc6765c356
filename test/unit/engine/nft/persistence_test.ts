import assert from "node:assert/strict";
import { SLOT_SCHEDULERS } from "../../../../lib/scheduler/slots.ts";
import type { BackendSpec, ServiceSpec } from "../../../fake/services.ts";
import { Ruleset } from "./ruleset.ts";

const VIP = "203.0.113.10:80";
const VIP6 = "[2001:db8:1::10]:80";
const TIMEOUT_MS = 300_000;

const B: readonly BackendSpec[] = [11, 12, 13].map((host, index) => ({
  id: index + 1,
  address: `198.51.100.${host}`,
}));
const B6: readonly BackendSpec[] = [11, 12, 13].map((host, index) => ({
  id: index + 4,
  address: `2001:db8:b::${host}`,
}));

function service(more: Partial<ServiceSpec> = {}): ServiceSpec {
  return {
    vip: ["203.0.113.10", "2001:db8:1::10"],
    persistence: { timeout_ms: TIMEOUT_MS, mask: 24, mask6: 64 },
    backends: [...B, ...B6],
    ...more,
  };
}

/** Where this many connections of one client end up; each different place once. */
function places(ruleset: Ruleset, client: string, count = 12, vip = VIP): string[] {
  return Object.keys(ruleset.spread(count, vip, client));
}

for (const scheduler of SLOT_SCHEDULERS) {
  Deno.test(`persistence with ${scheduler}: one client keeps its backend, IPv4 and IPv6`, () => {
    const ruleset = new Ruleset([service({ scheduler })]);
    for (const client of ["192.0.2.1", "198.18.0.1", "198.18.1.1", "198.18.2.1"]) {
      assert.equal(places(ruleset, client).length, 1, client);
    }
    assert.equal(places(ruleset, "2001:db8:c::1", 12, VIP6).length, 1);
  });

  Deno.test(`persistence with ${scheduler}: who has no entry is balanced as ever`, () => {
    const ruleset = new Ruleset([service({ scheduler })]);
    const clients = Array.from({ length: 90 }, (_, index) => `198.18.${index}.1`);
    const seen = new Set(clients.flatMap((client) => places(ruleset, client, 1)));
    assert.equal(seen.size, 3);
  });

  Deno.test(`persistence with ${scheduler}: the entry of a removed backend leads to another, which is then kept`, () => {
    const ruleset = new Ruleset([service({ scheduler })]);
    const [first] = places(ruleset, "192.0.2.1");
    const gone = B.find(({ address }) => first === `${address}:80`)!;
    ruleset.change([service({ scheduler, backends: B.filter((one) => one !== gone) })]);
    const second = places(ruleset, "192.0.2.1");
    assert.equal(second.length, 1);
    assert.notEqual(second[0], first);
    ruleset.change([service({ scheduler })]);
    assert.deepEqual(places(ruleset, "192.0.2.1"), second, "the backend that came back lost it");
  });

  Deno.test(`persistence with ${scheduler}: so does the entry of a backend with weight 0`, () => {
    const ruleset = new Ruleset([service({ scheduler })]);
    const [first] = places(ruleset, "192.0.2.1");
    const idle = B.map((one) => ({ ...one, weight: first === `${one.address}:80` ? 0 : 100 }));
    ruleset.change([service({ scheduler, backends: idle })]);
    const second = places(ruleset, "192.0.2.1");
    assert.equal(second.length, 1);
    assert.notEqual(second[0], first);
    ruleset.change([service({ scheduler })]);
    assert.deepEqual(places(ruleset, "192.0.2.1"), second);
  });
}

Deno.test("persistence: all of a /24 are one client, all of a /64 too, and no one else", () => {
  const ruleset = new Ruleset([service()]);
  const [at] = places(ruleset, "192.0.2.0");
  for (const host of [1, 127, 255]) {
    assert.deepEqual(places(ruleset, `192.0.2.${host}`, 2), [at]);
  }
  assert.deepEqual(Object.keys(ruleset.elements("st-web4")), ["192.0.2.0"]);
  places(ruleset, "192.0.3.0", 1);
  assert.equal(Object.keys(ruleset.elements("st-web4")).length, 2);
  const [at6] = places(ruleset, "2001:db8:c::", 1, VIP6);
  assert.deepEqual(places(ruleset, "2001:db8:c::ffff:ffff:ffff:ffff", 2, VIP6), [at6]);
  assert.deepEqual(Object.keys(ruleset.elements("st-web6")), ["2001:db8:c::"]);
});

Deno.test("persistence: without masks every address is a client of its own", () => {
  const persistence = { timeout_ms: TIMEOUT_MS, mask: 32, mask6: 128 };
  const ruleset = new Ruleset([service({ persistence })]);
  for (const host of [1, 2, 3]) places(ruleset, `192.0.2.${host}`, 2);
  assert.deepEqual(Object.values(ruleset.elements("st-web4")).sort(), ["0:1", "0:2", "0:3"]);
});

Deno.test("persistence: the time-out counts from the last new connection", () => {
  const ruleset = new Ruleset([service()]);
  const { tracer } = ruleset;
  const connect = () => ruleset.to("192.0.2.1:4000", VIP);
  const first = connect();
  for (let turn = 0; turn < 4; turn++) {
    tracer.now_ms += TIMEOUT_MS - 1;
    assert.equal(connect(), first, "each connection makes it live on");
  }
  tracer.send({ from: "192.0.2.1:4000", to: VIP, state: "established" });
  tracer.now_ms += TIMEOUT_MS;
  const other = connect();
  assert.notEqual(other, first, "wrr goes on to the next one");
  tracer.now_ms += TIMEOUT_MS - 1;
  assert.equal(connect(), other);
});

Deno.test("persistence: what a full map cannot hold is balanced without an entry", () => {
  const ruleset = new Ruleset([service()]);
  const { elements, states } = ruleset.nft.table("inet lb")!.collections.get("st-web4")!;
  places(ruleset, "192.0.2.1", 1);
  for (let entry = 0; elements.size < 65_535; entry++) elements.set(`x${entry}`, "0:1");
  assert.equal(places(ruleset, "198.18.0.1").length, 3);
  assert.equal(places(ruleset, "192.0.2.1").length, 1, "who has an entry keeps it");
  assert.equal(states.size, 1);
});

Deno.test("persistence: with all backends out it refuses, and entries are still there afterwards", () => {
  const ruleset = new Ruleset([service()]);
  const before = places(ruleset, "192.0.2.1");
  const out = [...B, ...B6].map((one) => ({ ...one, weight: 0 }));
  ruleset.change([service({ backends: out })]);
  assert.deepEqual(places(ruleset, "192.0.2.1"), ["reset"]);
  ruleset.change([service()]);
  assert.deepEqual(places(ruleset, "192.0.2.1"), before);
});

Deno.test("persistence: a backend over its max_connections refuses its own client, and is not left", () => {
  const limited = B.map((one) => ({ ...one, max_connections: 1 }));
  const ruleset = new Ruleset([service({ backends: limited })]);
  const first = ruleset.tracer.send({ from: "192.0.2.1:4000", to: VIP });
  assert.equal(ruleset.to("192.0.2.1:4001", VIP), "reset");
  ruleset.tracer.end(first);
  assert.equal(ruleset.to("192.0.2.1:4002", VIP), first.to);
});

Deno.test("persistence: udp flows of one client, and services, do not mix", () => {
  const backends = B.map((one) => ({ ...one, id: one.id + 10 }));
  const udp = service({ name: "dns", protocol: "udp", ports: [53], backends });
  const ruleset = new Ruleset([service(), udp]);
  const dns = (port: number) => ruleset.to(`192.0.2.1:${port}`, "203.0.113.10:53", "udp");
  const first = dns(4000);
  for (let port = 4001; port < 4008; port++) assert.equal(dns(port), first);
  places(ruleset, "192.0.3.1", 2);
  assert.deepEqual(Object.keys(ruleset.elements("st-dns4")), ["192.0.2.0"]);
  assert.deepEqual(Object.keys(ruleset.elements("st-web4")), ["192.0.3.0"]);
});

Deno.test("persistence: ids too large for the mark are remembered in full", () => {
  const large = B.map((one) => ({ ...one, id: one.id + 0xf_ffff }));
  const ruleset = new Ruleset([service({ vip: ["203.0.113.10"], backends: large })]);
  const first = places(ruleset, "192.0.2.1");
  assert.equal(first.length, 1);
  assert.deepEqual(Object.values(ruleset.elements("st-web4")), ["10:0"]);
  const rest = large.filter(({ address }) => first[0] !== `${address}:80`);
  ruleset.change([service({ vip: ["203.0.113.10"], backends: rest })]);
  assert.notDeepEqual(places(ruleset, "192.0.2.1"), first);
});

Deno.test("persistence: entries are no part of what is wanted: no change of weights touches them", () => {
  const ruleset = new Ruleset([service()]);
  const before = places(ruleset, "192.0.2.1");
  const weights = [...B, ...B6].map((one, index) => ({ ...one, weight: 100 + 50 * index }));
  const changes = ruleset.change([service({ backends: weights })]);
  assert.ok(changes.length > 0 && changes.every((change) => !/st-web|be-web|\bb-/.test(change)));
  assert.deepEqual(places(ruleset, "192.0.2.1"), before);
  assert.deepEqual(ruleset.change([service({ backends: weights })]), []);
});

Deno.test("persistence: another time-out, scheduler or backend keeps the entries", () => {
  const ruleset = new Ruleset([service()]);
  const before = places(ruleset, "192.0.2.1");
  const added = { id: 9, address: "198.51.100.19" };
  for (
    const more of [
      { persistence: { timeout_ms: 1_000, mask: 24, mask6: 64 } },
      { scheduler: "maglev" },
      { backends: [...B, ...B6, added] },
      { masquerade: true },
    ] as const
  ) {
    const changes = ruleset.change([service(more)]);
    assert.ok(changes.every((change) => !/table|st-web/.test(change)), changes.join());
    assert.deepEqual(places(ruleset, "192.0.2.1", 3), before, JSON.stringify(more));
  }
});

for (const timeout_ms of [1, 1_500, 99_999_999, 100_800_000, 365 * 86_400_000, 86_400_001]) {
  Deno.test(`a persistence of ${timeout_ms} ms is in words that nft takes, and lasts as long`, () => {
    const persistence = { timeout_ms, mask: 32, mask6: 128 };
    const ruleset = new Ruleset([service({ persistence })]);
    const first = ruleset.to("192.0.2.1:1024", VIP);
    ruleset.tracer.now_ms += timeout_ms - 1;
    assert.equal(ruleset.to("192.0.2.1:1025", VIP), first);
    ruleset.tracer.now_ms += timeout_ms;
    assert.notEqual(ruleset.to("192.0.2.1:1026", VIP), first);
  });
}
