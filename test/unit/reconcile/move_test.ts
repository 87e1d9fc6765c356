/** Services that stay on their engine, and services that move. */
import assert from "node:assert/strict";
import { NOTHING_HELD } from "../../../lib/reconcile/selection.ts";
import type { Outcome } from "../../../lib/reconcile/outcome.ts";
import { listIpvsadm } from "../../fake/ipvsadm.ts";
import { NOTHING, single } from "./configs.ts";
import { FACTS, type Rig, withRig } from "./rig.ts";

const MIGRATE = { held: NOTHING_HELD, command: "lb apply --migrate" };
const WLC = single('scheduler = "wlc"');
const BACKEND = "198.51.100.11";

/** Facts of a machine on which everything can be done that the engines ask for. */
const BOTH: typeof FACTS = {
  ...FACTS,
  capabilities: [
    ...FACTS.capabilities.filter(({ id }) => id !== "ipvs"),
    { id: "ipvs", purpose: "testing", answer: "yes", evidence: "test equipment" },
  ],
};

function moveTest(name: string, work: (rig: Rig) => Promise<void>): void {
  Deno.test(
    name,
    withRig(async (rig) => {
      rig.host.inside.ipvs.loaded = true;
      await work(rig);
    }),
  );
}

const engineOf = ({ services }: Outcome) => services.map(({ engine }) => engine).join();
const hasTable = (rig: Rig) => rig.host.nft.table("inet lb") !== undefined;
const isListed = (rig: Rig) => listIpvsadm(rig.host.inside.ipvs) !== "";

/** A connection that lb's rules have translated. */
function connect(
  rig: Rig,
  more: { readonly answered_by?: string } = { answered_by: BACKEND },
): void {
  const mark = rig.ids()[`web ${BACKEND}|`]! << 8;
  rig.host.netfilter.flows.push({ id: 1, protocol: "tcp", mark, vip: "192.0.2.10", ...more });
}

moveTest("a better engine is told of and not taken, until moving is asked for", async (rig) => {
  await rig.run(WLC);
  rig.facts = BOTH;
  const kept = await rig.run(WLC);
  assert.equal(engineOf(kept), "nft");
  assert.equal(kept.changed, false);
  assert.match(
    kept.notes.join("\n"),
    /ipvs would be better for web, now on nft: "lb apply --migrate"/,
  );
  const plan = await rig.run(WLC, { ...MIGRATE, dryRun: true });
  assert.match(plan.notes.join("\n"), /web moves from nft to ipvs: established connections go on/);
  assert.deepEqual([hasTable(rig), isListed(rig)], [true, false], "a plan moves nothing");
  const moved = await rig.run(WLC, MIGRATE);
  assert.deepEqual([engineOf(moved), hasTable(rig), isListed(rig)], ["ipvs", false, true]);
  assert.deepEqual((await rig.run(WLC)).notes, [], "nothing better is left");
});

moveTest("a move is a revision of its own, and a rollback takes it back", async (rig) => {
  const { revision: first } = await rig.run(WLC);
  rig.facts = BOTH;
  const { revision: second } = await rig.run(WLC, MIGRATE);
  assert.equal(second, first! + 1);
  assert.equal((await rig.run(WLC, MIGRATE)).changed, false);
  const back = await rig.run(WLC, { held: rig.store.revisions.engines(first!) });
  assert.deepEqual([engineOf(back), back.revision], ["nft", second! + 1]);
  assert.deepEqual([hasTable(rig), isListed(rig)], [true, false]);
  assert.match(
    back.notes.join("\n"),
    /web moves from ipvs to nft: established connections are balanced anew/,
  );
});

moveTest("an engine that is named in the config is a wish: the service moves", async (rig) => {
  rig.facts = BOTH;
  await rig.run(single());
  const { notes } = await rig.run(single('engine = "ipvs"'));
  assert.match(notes.join("\n"), /web moves from nft to ipvs/);
  assert.equal(engineOf(await rig.run(single())), "ipvs", "and stays where nothing else is named");
  assert.equal(engineOf(await rig.run(single(), MIGRATE)), "nft");
});

moveTest(
  "what an engine can no longer serve goes to another by itself, and stays there",
  async (rig) => {
    rig.facts = BOTH;
    await rig.run(WLC);
    const { revision } = await rig.run(single('scheduler = "wlc"\nmark = "0x1"'));
    const moved = await rig.run(single('scheduler = "wlc"\nmark = "0x1"'));
    assert.deepEqual([engineOf(moved), moved.revision], ["nft", revision]);
    assert.equal(engineOf(await rig.run(WLC)), "nft");
  },
);

moveTest("a kernel that lost the engine is no reason for a new revision", async (rig) => {
  rig.facts = BOTH;
  const { revision } = await rig.run(WLC);
  rig.reboot();
  rig.facts = FACTS;
  const moved = await rig.run(WLC);
  assert.deepEqual([engineOf(moved), moved.revision], ["nft", revision]);
  rig.facts = BOTH;
  rig.host.inside.ipvs.loaded = true;
  assert.equal(engineOf(await rig.run(WLC)), "nft", "that is where it is now");
});

moveTest("an engine is kept over a reboot, and forgotten by an uninstall", async (rig) => {
  await rig.run(WLC);
  rig.reboot();
  rig.facts = BOTH;
  rig.host.inside.ipvs.loaded = true;
  assert.equal(engineOf(await rig.run(WLC)), "nft");
  await rig.run(NOTHING);
  assert.equal(engineOf(await rig.run(WLC)), "ipvs");
});

moveTest("services that change places are told of a moment without", async (rig) => {
  rig.facts = BOTH;
  const two = (web: string, mail: string) =>
    single(`engine = "${web}"`) +
    single(`engine = "${mail}"`, "192.0.2.11").replace('"web"', '"mail"');
  await rig.run(two("nft", "ipvs"));
  const oneWay = await rig.run(two("ipvs", "ipvs"), { dryRun: true });
  assert.ok(!oneWay.notes.some((note) => /both ways/.test(note)));
  const { notes } = await rig.run(two("ipvs", "nft"));
  assert.ok(notes.some((note) => /both ways at once/.test(note)), notes.join("\n"));
});

moveTest(
  "nft's table stays for connections that it translated, and goes after the last",
  async (rig) => {
    await rig.run(WLC);
    rig.facts = BOTH;
    connect(rig);
    await rig.run(WLC, MIGRATE);
    const table = rig.host.nft.table("inet lb");
    assert.ok(table, "without a nat chain the kernel translates nothing");
    assert.deepEqual([...table.chains.keys()].filter((name) => /^(s|b)-/.test(name)), []);
    assert.equal((await rig.look(WLC)).changed, false);
    rig.host.netfilter.flows.length = 0;
    await rig.look(WLC);
    assert.equal(hasTable(rig), false);
  },
);

moveTest(
  "conntrack sees the packets of a service that has moved to IPVS until nft's last connection has ended",
  async (rig) => {
    const rules = () => rig.host.nft.tables.filter((name) => name.endsWith("lb-ipvs"));
    await rig.run(WLC);
    rig.facts = BOTH;
    connect(rig);
    await rig.run(WLC, MIGRATE);
    assert.deepEqual(rules(), [], "what it passes over is translated no longer");
    assert.equal((await rig.run(WLC)).changed, false);
    rig.host.netfilter.flows.length = 0;
    await rig.run(WLC);
    assert.deepEqual(rules(), ["ip lb-ipvs"]);
  },
);

moveTest("connections of others, by their marks or addresses, keep no table", async (rig) => {
  await rig.run(WLC);
  rig.facts = BOTH;
  connect(rig, {});
  connect(rig, { answered_by: "203.0.113.99" });
  await rig.run(WLC, MIGRATE);
  assert.equal(hasTable(rig), false);
});

moveTest("an uninstall waits for no connection", async (rig) => {
  await rig.run(single());
  connect(rig);
  await rig.run(NOTHING);
  assert.equal(hasTable(rig), false);
});

moveTest(
  "there is no moment at which nothing serves a service, with its VIP here as long as IPVS does",
  async (rig) => {
    const routed = (engine: string) =>
      single(`vip_on = "none"\nengine = "${engine}"`, "203.0.113.10");
    await rig.run(routed("nft"));
    rig.facts = BOTH;
    assert.deepEqual(await seen(rig, () => rig.run(routed("ipvs"))), [
      "nft",
      "nft ipvs",
      "nft ipvs VIP",
      "ipvs VIP",
    ]);
    assert.deepEqual(await seen(rig, () => rig.run(routed("nft"))), [
      "ipvs VIP",
      "nft ipvs VIP",
      "nft VIP",
      "nft",
    ]);
  },
);

/** What the kernel has of a service while something is done, one after the other. */
async function seen(rig: Rig, act: () => Promise<unknown>): Promise<string[]> {
  const states: string[] = [];
  const look = () => {
    const { addresses } = rig.host.network;
    const has = {
      nft: hasTable(rig),
      ipvs: isListed(rig),
      VIP: addresses.has("lo 203.0.113.10/32"),
    };
    const state = Object.entries(has).flatMap(([name, is]) => is ? [name] : []).join(" ");
    if (states.at(-1) !== state) states.push(state);
  };
  rig.host.gate.before = look;
  await act();
  look();
  return states;
}

for (
  const [what, config] of [
    ["a service that is renamed as it moves", single('engine = "ipvs"').replace('"web"', '"www"')],
    [
      "a mark mask that changes with a move",
      `[lb]\nmark_mask = "0xffff0000"\n${single('engine = "ipvs"')}`,
    ],
  ] as const
) {
  moveTest(`${what} cuts nothing that nft has translated`, async (rig) => {
    rig.facts = BOTH;
    await rig.run(single());
    connect(rig);
    await rig.run(config);
    assert.ok(hasTable(rig), "what translates is still there");
    const rules = rig.host.nft.table("ip lb-ipvs")?.collections;
    assert.deepEqual(
      [...rules?.get("to")?.elements.keys() ?? []],
      [],
      "conntrack sees its packets",
    );
    rig.host.netfilter.flows.length = 0;
    await rig.run(config);
    assert.ok(!hasTable(rig));
  });
}

/** A service on each engine; one backend may be behind both. */
function beside(...backends: readonly string[]): string {
  const service = (name: string, vip: string, engine: string, addresses: readonly string[]) => `
[[service]]
name = "${name}"
vip = "${vip}"
ports = [80]
engine = "${engine}"
${addresses.map((address) => `  [[service.backend]]\n  address = "${address}"\n`).join("")}`;
  return service("web", "192.0.2.10", "nft", backends) +
    service("other", "192.0.2.11", "ipvs", [BACKEND]);
}

moveTest(
  "conntrack sees a backend's answers until the last connection that nft has translated to it has ended",
  async (rig) => {
    const passedOver = () => [
      ...rig.host.nft.table("ip lb-ipvs")!.collections.get("from")?.elements.keys() ?? [],
    ];
    rig.facts = BOTH;
    await rig.run(beside(BACKEND, "198.51.100.12"));
    connect(rig);
    await rig.run(beside("198.51.100.12"));
    assert.deepEqual(passedOver(), [], "what it passes over is translated no longer");
    assert.equal((await rig.run(beside("198.51.100.12"))).changed, false);
    rig.host.netfilter.flows.length = 0;
    await rig.run(beside("198.51.100.12"));
    assert.deepEqual(passedOver(), [`${BACKEND} . tcp . 80`]);
  },
);
