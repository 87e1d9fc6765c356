/** What a plan tells of connections. Real ones: test/kernel/impact_test.ts. */
import assert from "node:assert/strict";
import type { IntentRow } from "../../../lib/model/intent.ts";
import type { Outcome } from "../../../lib/reconcile/outcome.ts";
import { type FakeFlow, GET_FLOWS } from "../../fake/netfilter.ts";
import { FakeSocket, viewOf } from "../../fake/wire.ts";
import type { RawSocket } from "../../../lib/sys/ports.ts";
import { BASE, CHANGED, NOTHING, single } from "./configs.ts";
import { type Rig, withRig } from "./rig.ts";

const NONE = { kept: 0, draining: 0, cut: 0, flushed: 0 };

/** Puts flows of backends into conntrack, by service and backend as the store names them. */
function flows(rig: Rig, ...names: readonly (readonly [FakeFlow["protocol"], string])[]): void {
  const { flows } = rig.host.netfilter;
  for (const [protocol, name] of names) {
    const [answered_by = ""] = name.split(" ").at(-1)!.split("|");
    const mark = rig.ids()[name]! << 8;
    flows.push({ id: flows.length + 1, protocol, mark, answered_by });
  }
}

/** The impact by service. */
function byName({ impact = [] }: Outcome) {
  return new Map(impact.map((one) => [one.service, one]));
}

const MANY = [
  ["tcp", "web 198.51.100.11|8080"],
  ["tcp", "web 198.51.100.12|8080"],
  ["tcp", "web 198.51.100.12|8080"],
  ["udp", "dns 198.51.100.11|"],
  ["udp", "dns 198.51.100.13|"],
  ["udp", "dns 198.51.100.13|"],
] as const;

Deno.test(
  "tcp of removed backends is kept, udp is forgotten; and so it comes",
  withRig(async (rig) => {
    await rig.run(BASE);
    flows(rig, ...MANY);
    const found = byName(await rig.plan(CHANGED));
    assert.deepEqual(found.get("web")!.connections, { ...NONE, kept: 3 });
    assert.deepEqual(found.get("dns")!.connections, { ...NONE, kept: 1, flushed: 2 });
    assert.deepEqual(found.get("dns")!.engine, { from: "nft", to: "nft" });
    assert.equal(found.get("dns")!.slots_remapped, 1 / 2);
    const { impact } = await rig.run(CHANGED);
    assert.equal(impact, undefined, "what was done is told otherwise");
    assert.equal(rig.host.netfilter.flows.length, 4);
  }),
);

Deno.test(
  "with the last service all connections end",
  withRig(async (rig) => {
    await rig.run(BASE);
    flows(rig, ...MANY);
    const found = byName(await rig.plan(NOTHING));
    assert.deepEqual(found.get("web")!.connections, { ...NONE, cut: 3 });
    assert.deepEqual(found.get("dns")!.connections, { ...NONE, flushed: 3 });
    assert.deepEqual(found.get("web")!.engine, { from: "nft", to: null });
  }),
);

Deno.test(
  "a drain keeps what there is until its deadline; one that is over cuts it",
  withRig(async (rig) => {
    await rig.run(BASE);
    flows(rig, ...MANY);
    const now_ms = rig.host.inside.clock.now_ms();
    const row = (deadline_ms: number): IntentRow => ({
      ...{ service: "web", backend: "198.51.100.12|8080", intent: "drain" },
      ...{ since_ms: now_ms, deadline_ms, removes: false, ended: null },
    });
    const plan = (deadline_ms: number) =>
      rig.run(BASE, { dryRun: true, intents: [row(deadline_ms)] });
    const later = byName(await plan(now_ms + 3_600_000));
    assert.deepEqual(later.get("web")!.connections, { ...NONE, kept: 3, draining: 2 });
    const over = byName(await plan(now_ms));
    assert.deepEqual(over.get("web")!.connections, { ...NONE, kept: 1, cut: 2 });
    assert.equal(over.has("dns"), false, "nothing becomes of it");
  }),
);

Deno.test(
  "connections are read only where there may be some: not where nothing changes, nor of who is new",
  withRig(async (rig) => {
    await rig.run(BASE);
    const { sent } = rig.host.netfilter;
    const before = sent.length;
    assert.deepEqual((await rig.plan(BASE)).impact, []);
    const more = single("", "192.0.2.99").replace('"web"', '"more"');
    const [fresh, ...others] = (await rig.plan(BASE + more)).impact!;
    assert.deepEqual([fresh!.engine, others], [{ from: null, to: "nft" }, []]);
    assert.deepEqual(fresh!.connections, NONE);
    assert.equal(sent.length, before);
    await rig.plan(CHANGED);
    assert.equal(sent.length, before + 1, "one dump for all services");
  }),
);

Deno.test(
  "where the kernel lists no connections, no count is made up",
  withRig(async (rig) => {
    await rig.run(BASE);
    hideFlows(rig);
    const [web] = (await rig.plan(CHANGED)).impact!;
    assert.equal(web!.connections, null);
    assert.match(web!.reason, /lists no connections/);
  }),
);

/** As a kernel answers that has conntrack, and no part that lists it. */
function hideFlows({ host: { kernel } }: Rig): void {
  const sockets = kernel.sockets as { netlink(protocol: number): RawSocket };
  const netlink = sockets.netlink.bind(sockets);
  sockets.netlink = (protocol) => {
    const refusing = new FakeSocket(() => -22);
    const others = netlink(protocol);
    let asked: RawSocket = others;
    return {
      send(bytes) {
        asked = viewOf(bytes).getUint16(4, true) === GET_FLOWS ? refusing : others;
        asked.send(bytes);
      },
      receive: () => asked.receive(),
      close: () => others.close(),
    };
  };
}
