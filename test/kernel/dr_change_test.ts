/** What changes under `forward = "dr"`: the config, backends, interfaces, and what others do to the rules. */
import assert from "node:assert/strict";
import { vipAddress } from "../../lib/demo/layout.ts";
import { differences, lookAround } from "../../lib/demo/witness.ts";
import { FAMILIES } from "../../lib/model/address.ts";
import { clock } from "../../lib/sys/clock.ts";
import { door, serviceText } from "./config.ts";
import {
  clientAddress,
  DIRECT,
  kernelState,
  macOf,
  predicted,
  runIn,
  SECOND_VIP,
  tests,
  TRANSLATED,
} from "./dr_rig.ts";
import type { Lab } from "./harness.ts";
import { allAnswered, type Applied, apply, must, send } from "./steps.ts";

const test = tests();

interface Told extends Applied {
  readonly notes: readonly string[];
  readonly blocked: readonly string[];
}

const DOORS = FAMILIES.map((family) => door(family));

async function answered(lab: Lab, count = 40): Promise<Readonly<Record<string, number>>> {
  const result = await send(lab, { doors: DOORS, count });
  allAnswered(result);
  return result.per_backend;
}

test("rules changed by hand are told of and put right", async (lab) => {
  await apply(lab, DIRECT);
  const before = await kernelState(lab);
  for (
    const [line, drift] of [
      ["flush chain netdev lb s-web4", "netdev lb chain s-web4"],
      ["flush chain netdev lb in-back", "netdev lb chain in-back"],
      ["delete element netdev lb ex6 { 2001:db8:1::10 . tcp . 80 }", "netdev lb map ex6"],
      [
        "delete element netdev lb er4 { 0xcb00710a . 0x06 . 0x0050 }",
        "netdev lb map er4",
      ],
      ["delete table netdev lb", "table netdev lb"],
    ] as const
  ) {
    await must(lab, "nft", line);
    const { drifted } = await lab.balancer.json<{ drifted: string[] }>(1, "status");
    assert.deepEqual(drifted, [drift]);
    const { drift: repaired, notes } = await lab.balancer.json<Told>(1, "reconcile");
    assert.deepEqual([repaired, notes], [[drift], []]);
    assert.equal(await kernelState(lab), before, line);
  }
  await answered(lab);
});

test("a table without its revision is still known for lb's, and made anew", async (lab) => {
  await apply(lab, DIRECT, TRANSLATED);
  const before = await kernelState(lab);
  await must(lab, "nft", "flush", "set", "netdev", "lb", "revision");
  await lab.balancer.json<Told>(1, "reconcile");
  assert.equal(await kernelState(lab), before);
  assert.equal((await lab.balancer.json<Told>(0, "apply")).changed, false);
});

test("a service of one kind is changed, and of the other nothing but the revision", async (lab) => {
  await apply(lab, DIRECT, TRANSLATED);
  for (const [name, port, weight] of [["nat", ":8080", 5], ["web", "", 7], ["nat", ":8080", 9]]) {
    const change = ["--weight", `${vipAddress(4, 11)}${port}=${weight}`];
    const { changes } = await lab.balancer.json<Told>(0, "scale", `${name}`, ...change);
    const isDirect = changes.map(({ object }) => object.startsWith("netdev lb "));
    assert.deepEqual([...new Set(isDirect)], [name === "web"]);
    await lab.balancer.json<Told>(0, "reconcile");
    assert.equal((await lab.balancer.json<Told>(0, "apply")).changed, false);
  }
  await answered(lab);
  allAnswered(await send(lab, { doors: [door(4, SECOND_VIP), door(6, SECOND_VIP)], count: 20 }));
});

test("a weight is changed: plan and apply tell how much of the connections moves, and it is so", async (lab) => {
  await apply(lab, DIRECT);
  const after = { ...DIRECT, weights: [1, 1, 0] };
  lab.balancer.writeConfig(serviceText(after));
  const plan = await lab.balancer.json<Told>(0, "apply", "--plan");
  const ports = Array.from({ length: 2_000 }, (_, index) => 20_000 + index);
  const told = FAMILIES.map((family, at) => {
    const pattern = new RegExp(
      `^about (\\d+) % of the established IPv${family} connections of web move`,
    );
    return Number(pattern.exec(plan.notes[at]!)![1]);
  });
  for (const [at, family] of FAMILIES.entries()) {
    const [from, to] = [
      await predicted(DIRECT, family, clientAddress(family), ports),
      await predicted(after, family, clientAddress(family), ports),
    ];
    const moved = 100 * from.filter((one, index) => one !== to[index]).length / ports.length;
    assert.ok(Math.abs(moved - told[at]!) < 4, `${moved} % of ${told[at]} %`);
  }
  assert.deepEqual((await lab.balancer.json<Told>(0, "apply")).notes, plan.notes);
  assert.deepEqual(Object.keys(await answered(lab)).sort(), ["b1", "b2"]);
});

test("from nat to dr and back, told of what it costs, and every request is answered in between", async (lab) => {
  const nat = { ...DIRECT, port: 8080, more: "masquerade = true" };
  await apply(lab, nat);
  const natural = await kernelState(lab);
  await answered(lab);
  for (
    const [service, from, to, tables] of [
      [DIRECT, "nat", "dr", "table netdev lb\n"],
      [nat, "dr", "nat", "table inet lb\n"],
    ] as const
  ) {
    const told = await apply(lab, service) as Told;
    assert.deepEqual(told.notes.filter((note) => note.startsWith("the established")), [
      `the established connections of web break: forward changes from ${from} to ${to}`,
    ]);
    assert.equal(await must(lab, "nft", "list", "tables"), tables);
    await answered(lab);
  }
  assert.equal(await kernelState(lab), natural);
});

test("a backend that does not answer has no weight, and is back when it does", async (lab) => {
  const [, , b3] = lab.topology.backends;
  await apply(lab, DIRECT);
  await runIn(lab, b3!, "ip", "link", "set", "eth0", "down");
  try {
    const told = await untilTold(lab, ({ blocked }) => blocked.length === 2);
    for (const line of told.blocked) assert.match(line, /^backend \S+ does not answer at back/);
    assert.match(
      told.notes.join("\n"),
      /about \d+ % of the established IPv4 connections of web move/,
    );
    assert.deepEqual(Object.keys(await answered(lab)).sort(), ["b1", "b2"]);
    const { stdout } = await lab.balancer.lb("status");
    assert.match(stdout, /0 of 1 \(no answer at back\)/);
  } finally {
    await up(lab, b3!);
  }
  await untilTold(lab, ({ blocked }) => blocked.length === 0);
  assert.deepEqual(Object.keys(await answered(lab)).sort(), ["b1", "b2", "b3"]);
});

test("a card that is replaced is followed without a change of the rules", async (lab) => {
  const [b1] = lab.topology.backends;
  await apply(lab, DIRECT);
  const before = await must(lab, "nft", "list", "ruleset");
  const mac = await macOf(lab, b1!, "eth0");
  await replaceCard(lab, b1!, "02:00:00:00:0b:01");
  try {
    assert.equal(Object.keys(await answered(lab)).length, 3);
    assert.equal(withoutCounts(await must(lab, "nft", "list", "ruleset")), withoutCounts(before));
  } finally {
    await replaceCard(lab, b1!, mac);
  }
});

test("an interface that was made anew is hooked again, and backends behind it are met again", async (lab) => {
  await apply(lab, DIRECT);
  await answered(lab);
  await remakeBack(lab);
  assert.equal((await send(lab, { doors: DOORS, count: 2, timeout_ms: 300 })).failed, 2);
  await lab.balancer.json<Told>(1, "reconcile");
  await answered(lab);
  assert.equal((await lab.balancer.json<Told>(0, "apply")).changed, false);
});

test("uninstall leaves nothing", async (lab) => {
  const before = await lookAround(lab.balancer.run);
  await apply(lab, DIRECT, TRANSLATED);
  await lab.balancer.json<Told>(0, "uninstall", "--yes");
  assert.deepEqual(differences(before, await lookAround(lab.balancer.run)), []);
});

/** Reconciles until it tells that, ten seconds at most. */
async function untilTold(lab: Lab, isSo: (told: Told) => boolean): Promise<Told> {
  for (let attempt = 0;; attempt++) {
    const { stdout, code } = await lab.balancer.lb("reconcile", "--json");
    const told = JSON.parse(stdout) as Told;
    if (isSo(told)) return told;
    assert.ok(attempt < 20, `${code}: ${stdout}`);
    await clock.sleep(200);
  }
}

async function up(lab: Lab, backend: string): Promise<void> {
  const link = ["ip", "link", "set", "eth0"];
  await runIn(lab, backend, ...link, "up");
  // IPv6 addresses went with the link.
  const host = 11 + lab.topology.backends.indexOf(backend);
  for (const address of [`${vipAddress(6, host)}/64`, `fe80::${host}/64`]) {
    await runIn(lab, backend, "ip", "address", "replace", address, "dev", "eth0", "nodad");
  }
  for (const family of FAMILIES) {
    const route = [clientAddress(family), "dev", "eth0", "src", vipAddress(family, 10)];
    await runIn(lab, backend, "ip", `-${family}`, "route", "replace", ...route);
  }
}

/** As a machine does that starts with another card: it asks for its neighbours. */
async function replaceCard(lab: Lab, backend: string, mac: string): Promise<void> {
  await runIn(lab, backend, "ip", "link", "set", "eth0", "down");
  await runIn(lab, backend, "ip", "link", "set", "eth0", "address", mac);
  await up(lab, backend);
  for (const family of FAMILIES) {
    for (const to of [vipAddress(family, 1), clientAddress(family)]) {
      await runIn(lab, backend, "bash", "-c", `echo > /dev/udp/${to}/9`);
    }
  }
}

async function remakeBack({ topology, balancer }: Lab): Promise<void> {
  const { run } = balancer;
  await run(["ip", "link", "delete", "back"]);
  await topology.run(topology.wire, [
    ...["ip", "link", "add", "lb", "type", "veth", "peer", "name", "back"],
    ...["netns", topology.balancer],
  ]);
  await topology.run(topology.wire, ["ip", "link", "set", "lb", "master", "wire", "up"]);
  await run(["ip", "link", "set", "back", "addrgenmode", "none"]);
  await run(["ip", "link", "set", "back", "up"]);
  for (const address of [`${vipAddress(4, 1)}/24`, `${vipAddress(6, 1)}/64`, "fe80::1/64"]) {
    await run(["ip", "address", "replace", address, "dev", "back", "nodad"]);
  }
}

function withoutCounts(ruleset: string): string {
  return ruleset.replace(/packets \d+ bytes \d+/g, "");
}
