import assert from "node:assert/strict";
import type { ServiceImpact } from "../../../lib/reconcile/impact.ts";
import { impactText } from "../../../lib/report/impact.ts";
import { percentText } from "../../../lib/report/percent.ts";
import { painter } from "../../../lib/report/table.ts";

const plain = painter(false);
const NONE = { kept: 0, draining: 0, cut: 0, flushed: 0 };

function impact(more: Partial<ServiceImpact> = {}): ServiceImpact {
  return {
    service: "web",
    engine: { from: "nft", to: "nft" },
    slots_remapped: 0,
    connections: NONE,
    reason: "",
    ...more,
  };
}

Deno.test("a plan's impact is a line for each service, with what is kept, cut and forgotten", () => {
  const connections = { kept: 812, draining: 203, cut: 3, flushed: 12 };
  const text = impactText([
    impact({ slots_remapped: 0.332, connections }),
    impact({ service: "api", engine: { from: "nft", to: "nfqueue" } }),
    impact({ service: "old", engine: { from: "ipvs", to: null }, slots_remapped: null }),
    impact({ service: "far", connections: null, reason: "dr keeps no table of connections" }),
  ], plain);
  assert.deepEqual(text.split("\n"), [
    "Connections",
    "  web  nft            33.2 % of slots lead elsewhere  812 kept (203 of them until the deadline of " +
    "their drain), 3 cut, 12 udp flows forgotten",
    "  api  nft → nfqueue                                  none established",
    "  old  ipvs, goes                                     none established",
    "  far  nft                                            cannot be counted: dr keeps no table of " +
    "connections",
  ]);
});

Deno.test("what is kept, cut and forgotten has colours of its own", () => {
  const text = impactText(
    [impact({ connections: { kept: 1, draining: 0, cut: 2, flushed: 3 } })],
    painter(true),
  );
  assert.ok(text.includes("\x1b[32m1 kept\x1b[0m, \x1b[31m2 cut\x1b[0m, \x1b[33m3 udp flows"));
});

Deno.test("a service that comes is worth a line only where flows are forgotten for it", () => {
  const engine = { from: null, to: "nft" } as const;
  assert.equal(impactText([impact({ engine })], plain), "");
  const told = impactText([impact({ engine, connections: { ...NONE, flushed: 7 } })], plain);
  assert.match(told, /web {2}new on nft {4}7 udp flows forgotten$/);
});

Deno.test("of thousands of services those are told that lose something, and the sum of all", () => {
  const many = Array.from({ length: 2_000 }, (_, index) =>
    impact({
      service: `s${index}`,
      connections: { ...NONE, kept: 2, cut: index === 1_234 ? 5 : 0 },
    }));
  assert.deepEqual(impactText(many, plain).split("\n"), [
    "Connections",
    "  s1234  nft    2 kept, 5 cut",
    "  2000 services in all: 4000 kept, 5 cut",
  ]);
});

Deno.test("a share is never told as nothing where there is one, nor as all where it is not", () => {
  const rows = [[0, "0 %"], [1, "100 %"], [0.5, "50 %"], [0.3333, "33.3 %"], [1e-5, "< 0.1 %"]];
  for (const [share, text] of rows) assert.equal(percentText(share as number), text);
  assert.equal(percentText(0.99999), "> 99.9 %");
});
