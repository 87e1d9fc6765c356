/** Samples of what services were counted. */
import assert from "node:assert/strict";
import { recordPassage } from "../../../lib/reconcile/sample.ts";
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
