/** What the engine sees of a kernel: the fake's, in the kernel's bytes. */
import assert from "node:assert/strict";
import type { Committed } from "../../../../lib/engine/engine.ts";
import { nftEngine } from "../../../../lib/engine/nft/engine.ts";
import type { Snapshot } from "../../../../lib/engine/nft/snapshot.ts";
import { INET_NAT } from "../../../../lib/engine/nft/table.ts";
import { FakeKernel } from "../../../fake/kernel.ts";
import { type ServiceSpec, stateOf } from "../../../fake/services.ts";

const WEB: ServiceSpec = {
  vip: ["203.0.113.10", "2001:db8:1::/64"],
  persistence: { timeout_ms: 300_000, mask: 32, mask6: 128 },
  backends: [{ id: 1, address: "198.51.100.11" }, { id: 2, address: "2001:db8:b::11" }],
};

async function look(kernel: FakeKernel, committed?: Committed): Promise<Snapshot> {
  return (await nftEngine.observe(kernel, committed)).have;
}

/** A kernel with these services, and what goes on record of them. */
async function applied(lacks: readonly string[] = []) {
  const kernel = new FakeKernel();
  const state = stateOf([WEB], undefined, lacks);
  const { have, stamp } = await nftEngine.observe(kernel);
  const plan = nftEngine.plan(nftEngine.desired(state), have, "7 . 4294967295");
  const { objects } = await nftEngine.apply(kernel, plan, stamp);
  const known = new Map([...objects].flatMap(([name, one]) => one ? [[name, one]] : []));
  const committed: Committed = { token: plan.token, state, objects: known };
  return { kernel, committed, want: nftEngine.desired(state) };
}

Deno.test("observe: nothing is there", async () => {
  const { present, token, tables } = await look(new FakeKernel());
  assert.deepEqual([present, token, tables.size], [false, undefined, 0]);
});

for (const [layout, lacks] of [["one table", []], ["two tables", [INET_NAT]]] as const) {
  Deno.test(`observe: ${layout}: everything is seen as it was wanted`, async () => {
    const { kernel, committed, want } = await applied(lacks);
    const have = await look(kernel, committed);
    assert.deepEqual([have.present, have.known, have.token], [true, true, "7 . 4294967295"]);
    assert.deepEqual([...have.tables.keys()], [...want.tables.keys()]);
    for (const [name, table] of want.tables) {
      const found = have.tables.get(name)!;
      for (const [chain, { source, hook }] of table.chains) {
        assert.deepEqual(found.chains.get(chain), { source, hook }, chain);
      }
      for (const [set, { kind, header, elements }] of table.collections) {
        const one = found.collections.get(set)!;
        assert.deepEqual([one.kind, one.header], [kind, header], set);
        if (set !== "revision") {
          assert.deepEqual(new Map([...one.elements].sort()), sorted(elements));
        }
      }
      assert.equal(found.chains.size, table.chains.size);
      assert.equal(found.collections.size, table.collections.size);
      assert.deepEqual([...found.counters.keys()], [...table.counters.keys()]);
      assert.deepEqual(found.foreign, []);
    }
  });
}

function sorted(elements: ReadonlyMap<string, string>): Map<string, string> {
  return new Map([...elements].sort());
}

Deno.test("observe: without a record no chain is known to be ours", async () => {
  const { kernel } = await applied();
  const { known, tables } = await look(kernel);
  assert.equal(known, false);
  const sources = [...tables.get("inet lb")!.chains.values()].map(({ source }) => source);
  assert.ok(sources.length > 0 && sources.every((source) => source.startsWith("listing:")));
});

Deno.test("observe: a chain whose rules are others than on record is not known to be ours", async () => {
  const { kernel, committed } = await applied();
  const sourceOf = async () => {
    return (await look(kernel, committed)).tables.get("inet lb")!.chains.get("refuse")!.source;
  };
  const ours = await sourceOf();
  kernel.nft.edit("add rule inet lb refuse accept");
  assert.notEqual(await sourceOf(), ours);
  kernel.nft.edit("flush chain inet lb refuse");
  const empty = await sourceOf();
  assert.notEqual(empty, ours);
  for (
    const rule of [
      "reject with icmpx type port-unreachable",
      "meta l4proto tcp reject with tcp reset",
    ]
  ) {
    kernel.nft.edit(`add rule inet lb refuse ${rule}`);
  }
  assert.notEqual(await sourceOf(), ours, "the same rules in another order");
});

Deno.test("observe: what packets have put into a map is not read, however much it is", async () => {
  const { kernel, committed } = await applied();
  kernel.nft.edit("add element inet lb st-web4 { 192.0.2.1 : 0:1, 192.0.2.2 : 0:1 }");
  const { tables } = await look(kernel, committed);
  assert.equal(tables.get("inet lb")!.collections.get("st-web4")!.elements.size, 0);
});

Deno.test("observe: counters are told as they stand", async () => {
  const { kernel, committed } = await applied();
  Object.assign(kernel.nft.table("inet lb")!.counters.get("n-1")!, { packets: 7, bytes: 420 });
  const have = await look(kernel, committed);
  assert.deepEqual(Object.fromEntries(nftEngine.totals(have)), { 1: 7, 2: 0 });
  const { packets, bytes } = have.tables.get("inet lb")!.counters.get("n-1")!;
  assert.deepEqual([packets, bytes], [7, 420]);
});

Deno.test("observe: a table ip lb or ip6 lb without a revision is somebody else's", async () => {
  const { kernel, committed } = await applied();
  kernel.nft.edit(
    "add table ip lb",
    "add chain ip lb theirs",
    "add table ip6 lb",
    "add table ip web",
  );
  assert.deepEqual([...(await look(kernel, committed)).tables.keys()], ["inet lb"]);
});

Deno.test("observe: inet lb has always been lb's: without a revision it has no token", async () => {
  const kernel = new FakeKernel();
  kernel.nft.edit("add table inet lb");
  const { present, token } = await look(kernel);
  assert.deepEqual([present, token], [true, undefined]);
});

Deno.test("observe: two tables with different tokens are no state of anybody's", async () => {
  const { kernel, committed } = await applied([INET_NAT]);
  kernel.nft.edit("flush set ip6 lb revision", "add element ip6 lb revision { 9 . 9 }");
  const { present, token } = await look(kernel, committed);
  assert.deepEqual([present, token], [true, undefined]);
});

Deno.test("observe: names of chains in two tables are told apart on record", async () => {
  const { kernel, committed } = await applied([INET_NAT]);
  assert.ok(
    committed.objects.has("ip lb chain refuse") && committed.objects.has("ip6 lb chain refuse"),
  );
  kernel.nft.edit("flush chain ip6 lb refuse");
  const have = await look(kernel, committed);
  assert.deepEqual(nftEngine.drift(have, committed), ["ip6 lb chain refuse"]);
});

Deno.test("drift: what is missing, changed or added, object by object", async () => {
  const { kernel, committed } = await applied();
  kernel.nft.edit(
    "flush chain inet lb c-fwd",
    "add chain inet lb theirs",
    "add set inet lb s { typeof ip saddr; }",
    "add counter inet lb n",
    "delete element inet lb vip4 { 203.0.113.10 }",
    "add element inet lb vp6 { 2001:db8:2::/64 }",
  );
  const drift = nftEngine.drift(await look(kernel, committed), committed);
  assert.deepEqual([...drift].sort(), [
    "chain c-fwd",
    "chain theirs",
    "counter n",
    "set s",
    "set vip4",
    "set vp6",
  ]);
});

Deno.test("drift: a table that is gone is one thing", async () => {
  const { kernel, committed } = await applied([INET_NAT]);
  kernel.nft.edit("delete table ip lb");
  assert.deepEqual(nftEngine.drift(await look(kernel, committed), committed), ["table ip lb"]);
});
