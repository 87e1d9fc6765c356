/** Samples of what services were counted. */
import assert from "node:assert/strict";
import { recordPassage } from "../../../lib/reconcile/sample.ts";
import { LbError } from "../../../lib/model/error.ts";
import { BASE } from "./configs.ts";
import { type Rig, withRig } from "./rig.ts";

function count(rig: Rig, backend: string, packets: number): void {
  const name = `n-${rig.ids()[backend]}`;
  rig.host.nft.table("inet lb")!.counters.get(name)!.packets += packets;
}

const WEB = "web 198.51.100.11|8080";

function latest(rig: Rig) {
  const last_ms = rig.store.samples.lastAt() ?? 0;
  return rig.store.samples.since(last_ms);
}

Deno.test(
  "a sample tells of a service what status tells of it, whatever was deleted in between",
  withRig(async (rig) => {
    await recordPassage(rig.machine);
    assert.deepEqual(rig.store.samples.since(0), [], "nothing is in force");
    await rig.run(BASE);
    count(rig, WEB, 7);
    const mark = rig.ids()[WEB]! << 8;
    rig.host.netfilter.flows.push({ id: 1, protocol: "tcp", mark });
    await recordPassage(rig.machine);
    assert.deepEqual(
      latest(rig).map((one) => [one.service, one.new_connections, one.active_connections]),
      [["dns", 0, 0], ["web", 7, 1]],
    );
    assert.deepEqual(latest(rig).map(({ bytes_in }) => bytes_in), [null, null]);
    await rig.look(BASE);
    rig.host.nft.edit("delete table inet lb");
    await rig.run(BASE);
    count(rig, WEB, 2);
    await recordPassage(rig.machine);
    assert.equal(latest(rig)[1]?.new_connections, 9);
  }),
);

Deno.test(
  "where the disk is full, or the kernel cannot be asked, there is no sample and no failure",
  withRig(async (rig) => {
    await rig.run(BASE);
    await recordPassage(rig.machine);
    const { samples, passes } = rig.store;
    assert.equal(passes.lastAt(), rig.host.kernel.clock.now_ms());
    const before = samples.since(0);
    assert.equal(before.length, 2);
    const full = () => {
      throw new LbError("not-permitted", "the disk is full");
    };
    const store = { passes: { end: full }, samples };
    rig.host.inside.clock.advance(20_000);
    await recordPassage({ ...rig.machine, store: store as unknown as typeof rig.store });
    assert.deepEqual(samples.since(0), before);
    const netlink = full;
    const kernel = { ...rig.machine.kernel, sockets: { ...rig.machine.kernel.sockets, netlink } };
    await recordPassage({ ...rig.machine, kernel });
    assert.deepEqual(samples.since(0), before);
    assert.equal(passes.lastAt(), rig.host.kernel.clock.now_ms(), "it was a pass");
    await recordPassage(rig.machine);
    assert.equal(samples.since(0).length, 4);
  }),
);
