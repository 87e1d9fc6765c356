import assert from "node:assert/strict";
import { FAMILIES } from "../../lib/model/address.ts";
import { door } from "./config.ts";
import { kernelTests, type Lab } from "./harness.ts";
import { driftEvents, firstElements, listRules, tableText, transactionsDuring } from "./listing.ts";
import { allAnswered, type Applied, apply, must, send } from "./steps.ts";

const test = kernelTests({ backends: 2 });

const DOORS = FAMILIES.map((family) => door(family));

/** Every kind of chain and map there is: two schedulers, udp, masquerade. */
async function applyAll(lab: Lab): Promise<void> {
  await apply(
    lab,
    { weights: [3, 1], more: "masquerade = true" },
    { name: "hashed", vips: [11], weights: [1, 1], scheduler: "sh", ports: "[443]" },
    { name: "dns", vips: [12], protocol: "udp", ports: "[53]", weights: [1, 1] },
  );
}

/** Tampers, and asserts that one reconcile puts everything back, says so and leaves a record. */
async function isRepaired(lab: Lab, what: string, ...nft: string[]): Promise<Applied> {
  const before = await tableText(lab);
  const events = driftEvents(lab).length;
  await must(lab, "nft", ...nft);
  assert.notEqual(await tableText(lab), before, `${what}: nothing was changed`);
  const repaired = await lab.balancer.json<Applied>(1, "reconcile");
  assert.equal(await tableText(lab), before, what);
  assert.ok(repaired.drift.length > 0, what);
  assert.equal(driftEvents(lab).length, events + repaired.drift.length, what);
  return repaired;
}

test("one rule of every chain, deleted by hand, comes back in its place", async (lab) => {
  await applyAll(lab);
  const chains = new Set((await listRules(lab)).map(({ chain }) => chain));
  assert.ok(chains.size > 10);
  for (const chain of chains) {
    // Handles are others after each repair.
    const rules = (await listRules(lab)).filter((rule) => rule.chain === chain);
    const { handle, text } = rules[Math.floor(rules.length / 2)]!;
    const argv = ["delete", "rule", "inet", "lb", chain, "handle", handle];
    await isRepaired(lab, `${chain}: ${text}`, ...argv);
  }
  allAnswered(await send(lab, { doors: DOORS, count: 40 }));
});

test("a changed rule, an added one and one in front are put right", async (lab) => {
  await applyAll(lab);
  const rule = (await listRules(lab)).find(({ text }) => text.includes("dnat ip to"))!;
  const wrong = "meta l4proto tcp dnat ip to 198.51.100.99:8080".split(" ");
  const at = ["inet", "lb", rule.chain, "handle", rule.handle];
  await isRepaired(lab, "changed", "replace", "rule", ...at, ...wrong);
  await isRepaired(lab, "added", "add", "rule", "inet", "lb", rule.chain, "drop");
  await isRepaired(lab, "in front", "insert", "rule", "inet", "lb", rule.chain, "return");
  const result = await send(lab, { doors: DOORS, count: 80 });
  assert.deepEqual(result.per_backend, { b1: 60, b2: 20 });
});

test("one element of every map and set, deleted by hand, comes back", async (lab) => {
  await applyAll(lab);
  const elements = (await firstElements(lab)).filter(({ name }) => name !== "revision");
  assert.ok(elements.length > 10);
  for (const { name, key } of elements) {
    const argv = ["delete", "element", "inet", "lb", name, `{ ${key} }`];
    await isRepaired(lab, `${name} { ${key} }`, ...argv);
  }
  allAnswered(await send(lab, { doors: DOORS, count: 40 }));
});

test("an element added by hand and a changed one are put right", async (lab) => {
  await applyAll(lab);
  const slots = (await firstElements(lab)).find(({ name }) => name.startsWith("sl-"))!;
  const add = ["add", "element", "inet", "lb"];
  await isRepaired(lab, "added slot", ...add, slots.name, `{ 60000 : ${slots.value} }`);
  await isRepaired(lab, "added VIP", ...add, "vip4", "{ 203.0.113.99 }");
  const vmap = "{ 203.0.113.99 . tcp . 80 : goto refuse }";
  await isRepaired(lab, "added service", ...add, "ex4", vmap);
  const script = `delete element inet lb ${slots.name} { ${slots.key} }
    add element inet lb ${slots.name} { ${slots.key} : 0:7777 }`;
  await isRepaired(lab, "changed slot", script);
});

test("a flushed chain, a deleted chain and an added one are put right", async (lab) => {
  await applyAll(lab);
  const chains = new Set((await listRules(lab)).map(({ chain }) => chain));
  for (const chain of chains) {
    await isRepaired(lab, `flush ${chain}`, "flush", "chain", "inet", "lb", chain);
  }
  const base = (await must(lab, "nft", "list", "table", "inet", "lb"))
    .match(/^\tchain (\S+) \{(?=\n(?:\t\tcomment.*\n)?\t\ttype )/gm)!;
  for (const line of base) {
    const chain = line.split(" ")[1]!;
    const script = `flush chain inet lb ${chain}; delete chain inet lb ${chain}`;
    await isRepaired(lab, `delete ${chain}`, script);
  }
  await isRepaired(lab, "added chain", "add", "chain", "inet", "lb", "by-hand");
  await isRepaired(lab, "a flushed map", "flush", "map", "inet", "lb", "ex4");
  allAnswered(await send(lab, { doors: DOORS, count: 40 }));
});

test("the whole table, and with it everybody's, comes back after a flush", async (lab) => {
  await applyAll(lab);
  await isRepaired(lab, "table", "delete", "table", "inet", "lb");
  await isRepaired(lab, "flushed table", "flush", "table", "inet", "lb");
  await isRepaired(lab, "ruleset", "flush", "ruleset");
  const { stdout, stderr, code } = await lab.balancer.lb("reconcile");
  assert.deepEqual({ stdout, stderr, code }, { stdout: "", stderr: "", code: 0 }, "all is well");
  const result = await send(lab, { doors: DOORS, count: 80 });
  allAnswered(result);
  assert.deepEqual(result.per_backend, { b1: 60, b2: 20 });
});

test("an apply that finds drift repairs it too, and ends with 1", async (lab) => {
  await applyAll(lab);
  const before = await tableText(lab);
  await must(lab, "nft", "flush", "chain", "inet", "lb", "refuse");
  const repaired = await lab.balancer.json<Applied>(1, "apply");
  assert.equal(await tableText(lab), before);
  assert.ok(repaired.drift.length > 0);
});

test("a sysctl that was turned back is turned on again", async (lab) => {
  await applyAll(lab);
  await must(lab, "sysctl", "-q", "-w", "net.ipv4.ip_forward=0");
  const repaired = await lab.balancer.json<Applied>(1, "reconcile");
  assert.deepEqual(repaired.drift.filter((object) => object.includes("ip_forward")).length, 1);
  assert.equal((await must(lab, "sysctl", "-n", "net.ipv4.ip_forward")).trim(), "1");
});

test("a second apply and a reconcile change nothing: not one transaction", async (lab) => {
  await applyAll(lab);
  const before = await must(lab, "nft", "--handle", "list", "ruleset");
  const transactions = await transactionsDuring(lab, async () => {
    assert.equal((await lab.balancer.json<Applied>(0, "apply")).changed, false);
    assert.equal((await lab.balancer.json<Applied>(0, "reconcile")).changed, false);
  });
  assert.deepEqual(transactions, []);
  assert.equal(await must(lab, "nft", "--handle", "list", "ruleset"), before);
});

test("the witness of the test above sees a change where there is one", async (lab) => {
  await applyAll(lab);
  const transactions = await transactionsDuring(lab, () => apply(lab, { weights: [1] }));
  assert.equal(transactions.length, 1);
});

test("tables of others are never touched", async (lab) => {
  const foreign = `
    table inet filter {
      chain in { type filter hook input priority 0; tcp dport 22 counter accept; }
    }
    table ip lb {
      chain a { counter; }
    }
    table ip6 nat {
      chain post { type nat hook postrouting priority 100; ip6 saddr fd00::/8 masquerade; }
    }`;
  const loaded = await lab.balancer.run(["nft", "-f", "-"], { stdin: foreign });
  assert.equal(loaded.code, 0, loaded.stderr);
  const list = async () => {
    const tables = [["inet", "filter"], ["ip", "lb"], ["ip6", "nat"]];
    const texts = tables.map((name) => must(lab, "nft", "-s", "-a", "list", "table", ...name));
    return (await Promise.all(texts)).join("");
  };
  const before = await list();
  await applyAll(lab);
  await lab.balancer.json(0, "scale", "web", "--weight", "198.51.100.11:8080=9");
  await must(lab, "nft", "delete", "table", "inet", "lb");
  await lab.balancer.json(1, "reconcile");
  await apply(lab, { weights: [1] });
  assert.equal(await list(), before);
  assert.equal((await lab.balancer.lb("uninstall", "--yes")).code, 0);
  assert.equal(await list(), before);
  assert.equal((await must(lab, "nft", "list", "tables")).split("\n").filter(Boolean).length, 3);
});
