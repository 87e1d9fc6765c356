/** What becomes of udp flows: those of backends that leave, and those that were there before lb. */
import assert from "node:assert/strict";
import type { FakeFlow } from "../../fake/netfilter.ts";
import { BASE, CHANGED, NOTHING } from "./configs.ts";
import { type Rig, withRig } from "./rig.ts";

/** A backend that {@linkcode CHANGED} takes away, and one that it keeps. */
const GONE = "198.51.100.13";
const KEPT = "198.51.100.11";

const DNS = { vip: "192.0.2.53", port: 53 };

/** Another part of the mark than by default. */
const HIGH = "[lb]\nmark_mask = 0xffff0000\n";

/** Puts flows into conntrack, numbered from 1. */
function flow(rig: Rig, ...flows: readonly Omit<FakeFlow, "id">[]): void {
  const { netfilter } = rig.host;
  for (const each of flows) netfilter.flows.push({ id: netfilter.flows.length + 1, ...each });
}

function mark(rig: Rig, backend: string, shift = 8): number {
  return (rig.ids()[`dns ${backend}|`]! << shift) >>> 0;
}

Deno.test(
  "udp flows of a removed backend are forgotten, its tcp flows and all others stay",
  withRig(async (rig) => {
    await rig.run(BASE);
    flow(
      rig,
      { protocol: "udp", mark: mark(rig, GONE), answered_by: GONE },
      { protocol: "tcp", mark: mark(rig, GONE), answered_by: GONE },
      { protocol: "udp", mark: mark(rig, KEPT), answered_by: KEPT },
      { protocol: "udp", mark: 0 },
    );
    const { notes } = await rig.run(CHANGED);
    assert.deepEqual(rig.host.picture().flows, [2, 3, 4]);
    assert.deepEqual(notes, ["forgot 1 udp flow of removed backends"]);
  }),
);

Deno.test(
  "a mark alone does not make a flow lb's: others mark theirs too",
  withRig(async (rig) => {
    await rig.run(BASE);
    flow(
      rig,
      { protocol: "udp", mark: mark(rig, GONE) },
      { protocol: "udp", mark: mark(rig, GONE), vip: GONE },
      { protocol: "udp", mark: mark(rig, GONE), answered_by: "203.0.113.99" },
      { protocol: "udp", mark: 0, answered_by: GONE },
    );
    await rig.run(CHANGED);
    assert.deepEqual(rig.host.picture().flows, [1, 2, 3, 4]);
  }),
);

Deno.test(
  "an uninstall reads marks as they were written, whatever mark_mask is by default",
  withRig(async (rig) => {
    await rig.run(HIGH + BASE);
    flow(
      rig,
      { protocol: "udp", mark: mark(rig, KEPT, 16), answered_by: KEPT },
      { protocol: "udp", mark: mark(rig, KEPT), answered_by: KEPT },
    );
    await rig.run(NOTHING);
    assert.deepEqual(rig.host.picture().flows, [2]);
  }),
);

Deno.test(
  "flows that were marked before mark_mask was changed are known again",
  withRig(async (rig) => {
    await rig.run(HIGH + BASE);
    flow(rig, { protocol: "udp", mark: mark(rig, GONE, 16), answered_by: GONE });
    await rig.run(BASE);
    assert.deepEqual(rig.host.picture().flows, [1]);
    await rig.run(CHANGED);
    assert.deepEqual(rig.host.picture().flows, []);
  }),
);

/** What a client's flow to a VIP is like that was there before the rules. */
const BEFORE = { protocol: "udp", mark: 0, ...DNS } as const;

Deno.test(
  "udp flows to a service that were there before it are forgotten, all others stay",
  withRig(async (rig) => {
    flow(
      rig,
      BEFORE,
      { ...BEFORE, protocol: "tcp" },
      { ...BEFORE, port: 54 },
      { ...BEFORE, vip: "192.0.2.10" },
      { ...BEFORE, answered_by: "203.0.113.99" },
      { ...BEFORE, mark: 0x100 },
    );
    const { notes } = await rig.run(BASE);
    assert.deepEqual(rig.host.picture().flows, [2, 3, 4, 5]);
    assert.deepEqual(notes, ["forgot 2 udp flows that were there before their rules"]);
  }),
);

Deno.test(
  "udp flows from while the table was missing are forgotten when it is back",
  withRig(async (rig) => {
    await rig.run(BASE);
    rig.host.nft.edit("delete table inet lb");
    flow(rig, BEFORE);
    await rig.run(BASE);
    assert.deepEqual(rig.host.picture().flows, []);
  }),
);

Deno.test(
  "a repair that is cut off before it forgets flows is completed by the next run",
  withRig(async (rig) => {
    await rig.run(BASE);
    rig.host.nft.edit("delete table inet lb");
    flow(rig, BEFORE);
    rig.host.gate.open();
    await rig.run(BASE);
    const at = rig.host.gate.calls.indexOf("list flows");
    flow(rig, BEFORE);
    rig.host.nft.edit("delete table inet lb");
    rig.host.gate.spoil(at, "killed");
    await assert.rejects(rig.run(BASE));
    rig.restart();
    assert.deepEqual(rig.host.picture().flows, [1]);
    await rig.run(BASE);
    assert.deepEqual(rig.host.picture().flows, []);
  }),
);

const RANGE = (backend: string) => `
[[service]]
name = "media"
vip = "203.0.113.0/24"
protocol = "udp"
ports = "all"
  [[service.backend]]
  address = "${backend}"
`;

Deno.test(
  "a prefix with all ports is a service's too, but for the backend that has the VIP itself",
  withRig(async (rig) => {
    flow(
      rig,
      { ...BEFORE, vip: "203.0.113.7", port: 9 },
      { ...BEFORE, vip: "203.0.113.8", port: 9 },
      { ...BEFORE, vip: "203.0.114.7", port: 9 },
    );
    await rig.run(RANGE("203.0.113.7"));
    assert.deepEqual(rig.host.picture().flows, [1, 3]);
  }),
);

Deno.test(
  "the kernel is asked for the flows of one mark where one backend left, not for all",
  withRig(async (rig) => {
    await rig.run(BASE);
    const { netfilter } = rig.host;
    for (let n = 0; n < 50; n++) {
      flow(rig, { protocol: "udp", mark: mark(rig, KEPT), answered_by: KEPT });
    }
    netfilter.sent.length = 0;
    await rig.run(BASE.slice(0, BASE.lastIndexOf("[[service.backend]]")));
    assert.deepEqual(netfilter.sent, [0, 0], "one look for either reason, nothing to be read");
  }),
);
