import assert from "node:assert/strict";
import { supportsNft } from "../../../../lib/engine/nft/supports.ts";
import { parsePrefix } from "../../../../lib/model/address.ts";
import type { Service } from "../../../../lib/model/service.ts";
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
  ["scheduler", { scheduler: "wlc" }],
  ["vip", { vip: [parsePrefix("203.0.113.0/28")!] }],
  ["ports", { ports: "all" }],
  ["ports", { ports: [{ first: 8000, last: 8010 }] }],
  ["protocol", { protocol: "sctp" }],
  ["forward", { forward: "dr" }],
  ["forward", { forward: "tunnel" }],
  ["persistence", { persistence: { timeout_ms: 1, mask: 32, mask6: 128 } }],
  ["mark", { mark: 1 }],
  ["dscp", { dscp: 0 }],
  ["allow", { allow: [parsePrefix("192.0.2.0/24")!] }],
  ["deny", { deny: [parsePrefix("192.0.2.0/24")!] }],
  ["max_connections", { max_connections: 1 }],
  ["max_new_per_second", { max_new_per_second: 1 }],
  ["health", { health: { ...HEALTH, ...TIMES } }],
  ["drain", { drain: { deadline_ms: 1 } }],
  ["balance slow_start", { balance: { slow_start_ms: 1, bound: 0 } }],
  ["balance bound", { balance: { slow_start_ms: 0, bound: 0.25 } }],
  ["snmp", { snmp: { version: "2c" } }],
  ["backend 0 backup", { backends: [{ ...BACKEND!, backup: true }] }],
  ["backend 0 max_connections", { backends: [{ ...BACKEND!, max_connections: 5 }] }],
  ["backend 0 health", { backends: [{ ...BACKEND!, health: { type: "tcp" } }] }],
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
  vip: "refused",
  protocol: "refused",
  ports: "refused",
  vip_on: "elsewhere",
  engine: "elsewhere",
  scheduler: "refused",
  persistence: "refused",
  forward: "refused",
  masquerade: "built",
  mark: "refused",
  dscp: "refused",
  allow: "refused",
  deny: "refused",
  max_connections: "refused",
  max_new_per_second: "refused",
  // Means nothing without one of the two limits.
  over_limit: "elsewhere",
  health: "refused",
  drain: "refused",
  balance: "refused",
  snmp: "refused",
  backends: "refused",
};

Deno.test("supports: every key that is not wholly built is refused somewhere, none passed over", () => {
  const asked = new Set(REFUSED.flatMap(([, ask]) => Object.keys(ask)));
  const refused = Object.entries(KEYS).filter(([, how]) => how === "refused").map(([key]) => key);
  assert.deepEqual(refused.filter((key) => !asked.has(key)), []);
});

Deno.test("supports: what is built is accepted, one key at a time", () => {
  const accepted: readonly Partial<Service>[] = [
    ...SLOT_SCHEDULERS.map((scheduler) => ({ scheduler })),
    { protocol: "udp" },
    { masquerade: true },
    { ports: [{ first: 80, last: 80 }, { first: 443, last: 443 }] },
    { vip: [parsePrefix("2001:db8::1")!, parsePrefix("203.0.113.1")!] },
    { health: { ...HEALTH, ...TIMES, type: "none" } },
    { backends: [] },
    { backends: [{ ...BACKEND!, weight: 0, health: { type: "none" } }] },
  ];
  for (const ask of accepted) assert.deepEqual(supportsNft({ ...PLAIN, ...ask }), { ok: true });
});

Deno.test("supports: all reasons at once", () => {
  const verdict = supportsNft({ ...PLAIN, scheduler: "lc", protocol: "sctp", mark: 1 });
  assert.equal(!verdict.ok && verdict.reasons.length, 3);
});
