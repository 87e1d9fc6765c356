/** Interfaces that somebody renames while lb has addresses and sysctls on them. */
import assert from "node:assert/strict";
import { Database } from "../../../lib/store/database.ts";
import { DATABASE_NAME } from "../../../lib/store/store.ts";
import { FakeHost } from "../../fake/host.ts";
import { BASE, NOTHING, single } from "./configs.ts";
import { type Rig, withRig } from "./rig.ts";

const NAMED = single('vip_on = "eth0"');
const WORDS =
  "eth0 was renamed to wan0 since lb changed something there: it is put back under that name";

/** What a machine is like that lb never was on, after the same renames. */
function untouched(...renames: readonly (readonly [before: string, now: string])[]) {
  const host = new FakeHost();
  for (const [before, now] of renames) host.renameLink(before, now);
  const { sysctls, addresses } = host.picture();
  return { sysctls, addresses };
}

function hostOf({ host }: Rig) {
  const { sysctls, addresses } = host.picture();
  return { sysctls, addresses };
}

Deno.test(
  "what lb did to an interface is undone under the interface's new name",
  withRig(async (rig) => {
    await rig.run(BASE);
    rig.host.renameLink("eth0", "wan0");
    const after = await rig.plan(BASE);
    assert.deepEqual([after.changes, after.drift, after.notes], [[], [], [WORDS]]);
    const { changes } = await rig.run(NOTHING);
    assert.ok(
      changes.some(({ object }) => object === "wan0 192.0.2.10/32"),
      JSON.stringify(changes),
    );
    assert.deepEqual(hostOf(rig), untouched(["eth0", "wan0"]));
    assert.deepEqual(rig.journalled(), []);
  }),
);

Deno.test(
  "where another interface has got the old name, each gets back what was its own",
  withRig(async (rig) => {
    const swap = [["eth0", "old"], ["eth1", "eth0"], ["old", "eth1"]] as const;
    rig.host.proc.sysctl("net.ipv4.conf.eth1.rp_filter", "1");
    await rig.run(BASE);
    for (const [before, now] of swap) rig.host.renameLink(before, now);
    const { drift } = await rig.run(BASE);
    assert.deepEqual(drift, []);
    await rig.run(NOTHING);
    const { sysctls, addresses } = untouched(...swap);
    sysctls["net.ipv4.conf.eth0.rp_filter"] = "1";
    assert.deepEqual(hostOf(rig), { sysctls, addresses });
  }),
);

Deno.test(
  "a new interface under the old name is one of its own",
  withRig(async (rig) => {
    await rig.run(BASE);
    rig.host.renameLink("eth1", "wan1");
    rig.host.network.links.push("eth1");
    rig.host.network.addresses.add("eth1 10.0.0.1/8");
    rig.host.proc.addLink("eth1");
    const { changes } = await rig.run(BASE);
    assert.ok(changes.some(({ object }) => object === "net.ipv4.conf.eth1.send_redirects"));
    await rig.run(NOTHING);
    const { sysctls } = hostOf(rig);
    for (const name of ["eth1", "wan1"]) {
      assert.equal(sysctls[`net.ipv4.conf.${name}.send_redirects`], "1", name);
    }
    assert.deepEqual(rig.journalled(), []);
  }),
);

Deno.test(
  "a VIP stays on an interface that the config calls by its old name, and both are told",
  withRig(async (rig) => {
    await rig.run(NAMED);
    rig.host.renameLink("eth0", "wan0");
    const { blocked, changes } = await rig.run(NAMED);
    assert.deepEqual([changes, blocked], [[], [
      'vip_on = "eth0" of service web: this interface is called wan0 now: write that',
    ]]);
    assert.ok(rig.host.picture().addresses.includes("wan0 192.0.2.10/32"));
    const { changes: none } = await rig.run(single('vip_on = "wan0"'));
    assert.deepEqual(none.filter(({ engine }) => engine === "address"), []);
    await rig.run(NOTHING);
    assert.deepEqual(hostOf(rig), untouched(["eth0", "wan0"]));
  }),
);

Deno.test(
  "entries of before schema 6, which know no index, are taken at their word",
  withRig(async (rig) => {
    await rig.run(BASE);
    const db = new Database(`${rig.folder}/${DATABASE_NAME}`, { readOnly: false });
    db.run("UPDATE journal SET ifindex = NULL");
    db.close();
    await rig.run(NOTHING);
    assert.deepEqual(hostOf(rig), untouched());
  }),
);
