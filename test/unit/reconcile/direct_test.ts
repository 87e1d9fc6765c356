/** `forward = "dr"` on the one path: what a run makes of interfaces and neighbours that come and go. */
import assert from "node:assert/strict";
import { readStatus } from "../../../lib/reconcile/status.ts";
import { parseConfig } from "../../../lib/config/load.ts";
import { type Rig, withRig } from "./rig.ts";

const DIRECT = `
[[service]]
name = "web"
vip = "192.0.2.10"
ports = [80]
scheduler = "maglev"
forward = "dr"

[[service.backend]]
address = "198.51.100.11"

[[service.backend]]
address = "198.51.100.12"
`;

const NAT = DIRECT.replace('forward = "dr"\n', "");

/** All of the backends are there. */
function answering(rig: Rig): Rig["host"]["network"] {
  const { network } = rig.host;
  network.others.add("198.51.100.11").add("198.51.100.12");
  return network;
}

function chains(rig: Rig): string[] {
  return [...rig.host.nft.table("netdev lb")!.chains.keys()].sort();
}

Deno.test(
  "packets are caught where the VIP is, and sent on where backends are",
  withRig(async (rig) => {
    answering(rig);
    const { services, blocked, notes } = await rig.run(DIRECT);
    assert.deepEqual([services[0]?.engine, blocked, notes], ["nft", [], []]);
    assert.deepEqual(rig.host.nft.tables, ["netdev lb"]);
    assert.ok(chains(rig).includes("in-eth0"));
    const [rule] = rig.host.nft.table("netdev lb")!.chains.get("b-1")!.rules.slice(-1);
    assert.equal(rule!.tokens.join(" "), "fwd ip to 198.51.100.11 device 3");
    assert.equal((await rig.run(DIRECT)).changed, false);
  }),
);

Deno.test(
  "an interface that was made anew is looked at, though no generation tells, and hooked again",
  withRig(async (rig) => {
    const network = answering(rig);
    await rig.run(DIRECT);
    // Its successor has another index. Before linux 6.16 the chain goes with the interface.
    network.links[1] = "spare";
    network.links.push("eth0");
    rig.host.nft.table("netdev lb")!.chains.delete("in-eth0");
    const { drift, changes } = await rig.run(DIRECT);
    assert.deepEqual(drift, ["netdev lb chain in-eth0"]);
    assert.deepEqual(changes.map(({ op, object }) => `${op} ${object}`), [
      "add netdev lb chain in-eth0",
    ]);
    assert.equal((await rig.run(DIRECT)).changed, false);
  }),
);

Deno.test(
  "a backend that falls silent loses its weight, which is told with what it costs, and gets it back",
  withRig(async (rig) => {
    const network = answering(rig);
    await rig.run(DIRECT);
    network.others.delete("198.51.100.12");
    const silent = await rig.run(DIRECT);
    assert.match(silent.blocked.join(), /198\.51\.100\.12 does not answer at eth1/);
    const words =
      "about 50 % of the established connections of web move: dr keeps no table of them";
    assert.deepEqual(silent.notes, [words]);
    assert.deepEqual([silent.drift, silent.revision], [[], 1], "nobody's fault, and no new config");
    assert.deepEqual((await rig.run(DIRECT)).notes, [], "told once");
    network.others.add("198.51.100.12");
    const back = await rig.run(DIRECT);
    assert.deepEqual([back.blocked, back.notes], [[], [words]]);
  }),
);

Deno.test(
  "a plan tells what apply then tells",
  withRig(async (rig) => {
    answering(rig);
    await rig.run(DIRECT);
    for (const text of [DIRECT.replace('.12"', '.12"\nweight = 50'), NAT]) {
      const { notes } = await rig.plan(text);
      assert.equal(notes.length, 1);
      assert.deepEqual((await rig.run(text)).notes, notes);
    }
    assert.deepEqual(rig.host.nft.tables, ["inet lb"]);
  }),
);

Deno.test(
  "status has no number where nothing counts",
  withRig(async (rig) => {
    answering(rig);
    await rig.run(DIRECT);
    const loaded = await parseConfig(DIRECT, "lb.toml");
    const { services } = await readStatus(
      rig.machine,
      { loaded, facts: rig.facts },
      { config_text: DIRECT },
    );
    assert.deepEqual(
      services[0]!.backends.map((each) => [each.new_connections, each.active_connections]),
      [[0, null], [0, null]],
    );
  }),
);
