/**
 * A kernel that has no NAT in inet tables (built without NF_TABLES_INET) has a table for each IP version.
 * None of the kernels at hand is like that, so the one that runs here is said to be one, where lb remembers
 * what it found out.
 */
import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { FAMILIES } from "../../lib/model/address.ts";
import { door, serviceText } from "./config.ts";
import { kernelTests, type Lab } from "./harness.ts";
import { allAnswered, type Applied, must, refusesTcp, refusesUdp, send } from "./steps.ts";

const test = kernelTests({ backends: 2 });

const DOORS = FAMILIES.map((family) => door(family));

/** Every kind of rule that differs by IP version. */
const SERVICES = [
  { weights: [3, 1], more: 'dscp = 46\npersistence = "60s"\nmax_connections = 1000' },
  { name: "hashed", vips: [11], weights: [1, 1], scheduler: "maglev", ports: "[443]" },
  { name: "dns", vips: [12], protocol: "udp", ports: '["53-54"]', weights: [1, 1] },
  { name: "empty", vips: [13], weights: [] },
] as const;

async function applySplit({ balancer, topology }: Lab): Promise<Applied> {
  balancer.writeConfig(SERVICES.map(serviceText).join(""));
  await balancer.lb("init", "--timer", "none");
  const db = new DatabaseSync(`${topology.folder}/state/lb.db`);
  const { json } = db.prepare("SELECT json FROM facts").get() as { json: string };
  const facts = JSON.parse(json) as { capabilities: { id: string; answer: string }[] };
  for (const each of facts.capabilities) {
    if (each.id === "nft-inet-nat") each.answer = "no";
  }
  db.prepare("UPDATE facts SET json = ?").run(JSON.stringify(facts));
  db.close();
  balancer.writeConfig(SERVICES.map(serviceText).join(""));
  return await balancer.json<Applied>(0, "apply");
}

test("each IP version has its table, and no inet table is made", async (lab) => {
  await applySplit(lab);
  const tables = (await must(lab, "nft", "list", "tables")).trim().split("\n").sort();
  assert.deepEqual(tables, ["table ip lb", "table ip6 lb"]);
  assert.equal((await lab.balancer.json<Applied>(0, "apply")).changed, false);
});

for (const family of FAMILIES) {
  const { address } = door(family);

  test(`IPv${family} is balanced, kept and refused as by one table`, async (lab) => {
    await applySplit(lab);
    const first = await send(lab, {
      doors: [door(family)],
      count: 20,
    });
    allAnswered(first);
    assert.equal(Object.keys(first.per_backend).length, 1, "one client, one backend");
    await refusesTcp(lab, lab.topology.client, address, 81);
    await refusesTcp(lab, lab.topology.client, door(family, 13).address, 80);
    await refusesUdp(lab, lab.topology.client, address, 80);
  });
}

test("what is changed by hand in either table is put right, and the other stays", async (lab) => {
  await applySplit(lab);
  for (const table of ["ip", "ip6"]) {
    const before = await must(lab, "nft", "list", "ruleset");
    await must(lab, "nft", "flush", "chain", table, "lb", "pre-nat");
    const { drift } = await lab.balancer.json<Applied>(1, "reconcile");
    assert.deepEqual(drift, [`${table} lb chain pre-nat`]);
    const texts = [before, await must(lab, "nft", "list", "ruleset")].map(withoutRevision);
    assert.equal(texts[1], texts[0]);
  }
  await must(lab, "nft", "delete", "table", "ip6", "lb");
  const { drift } = await lab.balancer.json<Applied>(1, "reconcile");
  assert.deepEqual(drift, ["table ip6 lb"]);
  allAnswered(await send(lab, { doors: DOORS, count: 40 }));
});

test("a kernel that turns out to have it gets one table instead, and uninstall leaves none", async (lab) => {
  await applySplit(lab);
  const db = new DatabaseSync(`${lab.topology.folder}/state/lb.db`);
  db.exec("DELETE FROM facts");
  db.close();
  await lab.balancer.json<Applied>(0, "apply");
  assert.equal((await must(lab, "nft", "list", "tables")).trim(), "table inet lb");
  allAnswered(await send(lab, { doors: DOORS, count: 40 }));
  await lab.balancer.json<Applied>(0, "uninstall", "--yes");
  assert.equal((await must(lab, "nft", "list", "tables")).trim(), "");
});

function withoutRevision(ruleset: string): string {
  return ruleset.replace(/set revision \{[^}]*\}[^}]*\}/g, "");
}
