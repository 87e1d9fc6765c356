import assert from "node:assert/strict";
import { NFT_PROBES } from "../../../../lib/capability/probes.ts";
import { needsOfNft, supportsNft } from "../../../../lib/engine/nft/supports.ts";
import { parsePrefix } from "../../../../lib/model/address.ts";
import { PROTOCOLS, type Service } from "../../../../lib/model/service.ts";
import { SLOT_SCHEDULERS } from "../../../../lib/scheduler/slots.ts";
import { serviceOf } from "../../../fake/services.ts";

const PLAIN: Service = serviceOf({ backends: [{ id: 1, address: "198.51.100.11" }] });
const HEALTH = {
  type: "http",
  path: "/",
  status: [],
  verify: true,
  passive: false,
  panic: 50,
} as const;
const TIMES = { interval_ms: 1, timeout_ms: 1, rise: 1, fall: 1 };
const [BACKEND] = PLAIN.backends;

/** What is asked for, and the key the answer has to point at. */
const REFUSED: readonly (readonly [string, Partial<Service>])[] = [
  ["scheduler", { scheduler: "sed" }],
  ["scheduler", { scheduler: "nq" }],
  ["forward", { forward: "tunnel" }],
  ["health passive", { protocol: "udp", health: { ...HEALTH, ...TIMES, passive: true } }],
  ["balance bound", { balance: { slow_start_ms: 0, bound: 0.25 } }],
  ["backend 0 health", {
    protocol: "sctp",
    backends: [{ ...BACKEND!, health: { passive: true } }],
  }],
];

for (const [path, ask] of REFUSED) {
  Deno.test(`supports: ${JSON.stringify(ask).slice(0, 60)} is refused at ${path}`, () => {
    const verdict = supportsNft({ ...PLAIN, ...ask });
    assert.deepEqual(verdict.ok ? [] : verdict.reasons.map(({ path }) => path.join(" ")), [path]);
  });
}

/** A new key of a service does not type-check here until it is said which it is. */
const KEYS: Readonly<Record<keyof Service, "built" | "refused" | "elsewhere">> = {
  name: "built",
  vip: "built",
  protocol: "built",
  ports: "built",
  vip_on: "elsewhere",
  engine: "elsewhere",
  scheduler: "refused",
  persistence: "built",
  forward: "refused",
  masquerade: "built",
  mark: "built",
  dscp: "built",
  priority: "built",
  allow: "built",
  deny: "built",
  max_connections: "built",
  max_new_per_second: "built",
  over_limit: "built",
  health: "refused",
  drain: "elsewhere",
  balance: "refused",
  snmp: "built",
  agent_port: "built",
  backends: "refused",
};

Deno.test("supports: every key that is not wholly built is refused somewhere, none passed over", () => {
  const asked = new Set(REFUSED.flatMap(([, ask]) => Object.keys(ask)));
  const refused = Object.entries(KEYS).filter(([, how]) => how === "refused").map(([key]) => key);
  assert.deepEqual(refused.filter((key) => !asked.has(key)), []);
});

const ACCEPTED: readonly Partial<Service>[] = [
  ...SLOT_SCHEDULERS.map((scheduler) => ({ scheduler })),
  ...PROTOCOLS.map((protocol) => ({ protocol })),
  { name: "other" },
  { masquerade: true },
  { ports: [{ first: 80, last: 80 }, { first: 443, last: 443 }] },
  { ports: [{ first: 8000, last: 8010 }] },
  { ports: "all" },
  { vip: [parsePrefix("2001:db8::1")!, parsePrefix("203.0.113.1")!] },
  { vip: [parsePrefix("203.0.113.0/28")!] },
  { persistence: { timeout_ms: 1, mask: 24, mask6: 64 } },
  { mark: 1 },
  { dscp: 0 },
  { priority: "1:10" },
  { allow: [parsePrefix("192.0.2.0/24")!] },
  { deny: [parsePrefix("192.0.2.0/24")!] },
  { max_connections: 1 },
  { max_new_per_second: 1 },
  { over_limit: "drop" },
  { health: { ...HEALTH, ...TIMES } },
  { health: { ...HEALTH, ...TIMES, passive: true } },
  { balance: { slow_start_ms: 1, bound: 0 } },
  { snmp: { version: "2c" } },
  { scheduler: "cpu", agent_port: 9777 },
  { backends: [] },
  { backends: [{ ...BACKEND!, weight: 0, health: { type: "tcp" } }] },
  { backends: [{ ...BACKEND!, backup: true, max_connections: 5 }] },
];

Deno.test("supports: what is built is accepted, one key at a time", () => {
  for (const ask of ACCEPTED) assert.deepEqual(supportsNft({ ...PLAIN, ...ask }), { ok: true });
  const asked = new Set(ACCEPTED.flatMap((ask) => Object.keys(ask)));
  const built = Object.entries(KEYS).filter(([, how]) => how === "built").map(([key]) => key);
  assert.deepEqual(built.filter((key) => !asked.has(key)), []);
});

const DIRECT: Partial<Service> = { forward: "dr", scheduler: "maglev" };

/** What goes with nat and not with dr, and the key the answer has to point at. */
const REFUSED_DIRECT: readonly (readonly [string, Partial<Service>])[] = [
  ["scheduler", { scheduler: "wrr" }],
  ["scheduler", { scheduler: "wlc" }],
  ["persistence", { persistence: { timeout_ms: 1, mask: 32, mask6: 128 } }],
  ["masquerade", { masquerade: true }],
  ["mark", { mark: 1 }],
  ["max_connections", { max_connections: 1 }],
  ["max_new_per_second", { max_new_per_second: 1, protocol: "udp" }],
  ["backend 0 port", { backends: [{ ...BACKEND!, port: 8080 }] }],
  ["backend 0 port", { ports: "all", backends: [{ ...BACKEND!, port: 80 }] }],
  ["backend 0 max_connections", { backends: [{ ...BACKEND!, max_connections: 1 }] }],
  ["health passive", { health: { ...HEALTH, ...TIMES, passive: true } }],
];

for (const [path, ask] of REFUSED_DIRECT) {
  Deno.test(`supports: dr with ${JSON.stringify(ask).slice(0, 60)} is refused at ${path}, once`, () => {
    const verdict = supportsNft({ ...PLAIN, ...DIRECT, ...ask });
    assert.deepEqual(verdict.ok ? [] : verdict.reasons.map(({ path }) => path.join(" ")), [path]);
  });
}

const ACCEPTED_DIRECT: readonly Partial<Service>[] = [
  {},
  { scheduler: "sh" },
  ...PROTOCOLS.map((protocol) => ({ protocol })),
  { ports: "all" },
  { vip: [parsePrefix("203.0.113.0/28")!] },
  { dscp: 0, priority: "1:10" },
  { allow: [parsePrefix("192.0.2.0/24")!], deny: [parsePrefix("192.0.2.0/25")!] },
  { max_new_per_second: 1, over_limit: "drop" },
  { backends: [] },
  { backends: [{ ...BACKEND!, port: 80, weight: 0 }, { ...BACKEND!, backup: true }] },
];

Deno.test("supports: what is built for dr is accepted", () => {
  for (const ask of ACCEPTED_DIRECT) {
    assert.deepEqual(supportsNft({ ...PLAIN, ...DIRECT, ...ask }), { ok: true });
  }
});

Deno.test("supports: all reasons at once", () => {
  const verdict = supportsNft({
    ...PLAIN,
    scheduler: "sed",
    forward: "tunnel",
    balance: { slow_start_ms: 0, bound: 0.25 },
  });
  assert.equal(!verdict.ok && verdict.reasons.length, 3);
});

const INGRESS = ["nft-ingress", "nft-fwd"];

/** What a service asks of the kernel beyond what every service does. */
const NEEDS: readonly (readonly [readonly string[], Partial<Service>])[] = [
  [[], {}],
  [[], { allow: [parsePrefix("192.0.2.0/24")!], mark: 1, dscp: 0, priority: "1:10" }],
  [["nft-interval"], { vip: [parsePrefix("203.0.113.0/28")!] }],
  [["nft-interval"], { ports: "all" }],
  [["nft-interval"], { ports: [{ first: 80, last: 80 }, { first: 8000, last: 8010 }] }],
  [["nft-dynset"], { persistence: { timeout_ms: 1, mask: 32, mask6: 128 } }],
  [["nft-dynset", "nft-limit"], { max_new_per_second: 1 }],
  [["conntrack-sctp"], { protocol: "sctp" }],
  [["nft-connlimit"], { max_connections: 1 }],
  [["nft-connlimit"], { backends: [{ ...BACKEND!, max_connections: 1 }] }],
  [INGRESS, DIRECT],
  [INGRESS, { ...DIRECT, protocol: "sctp" }],
  [["nft-interval", "nft-dynset", "nft-limit", ...INGRESS], {
    ...DIRECT,
    ports: "all",
    max_new_per_second: 1,
  }],
];

for (const [needs, ask] of NEEDS) {
  Deno.test(`needs: ${JSON.stringify(ask).slice(0, 60)} needs ${needs.join(" ") || "nothing"}`, () => {
    assert.deepEqual(needsOfNft({ ...PLAIN, ...ask }), needs);
  });
}

Deno.test("needs: every need has a probe that answers it", () => {
  const probed = NFT_PROBES.map(({ id }) => id);
  for (const need of NEEDS.flatMap(([needs]) => needs)) assert.ok(probed.includes(need), need);
});
