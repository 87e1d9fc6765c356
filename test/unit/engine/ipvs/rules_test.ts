import assert from "node:assert/strict";
import { nftUnits } from "../../../../lib/engine/ipvs/rules/nft.ts";
import { type IpvsRule, ipvsRules } from "../../../../lib/engine/ipvs/rules/rule.ts";
import { xtUnits } from "../../../../lib/engine/ipvs/rules/xtables.ts";
import { ipvsEngine } from "../../../../lib/engine/ipvs/engine.ts";
import type { Tracking } from "../../../../lib/model/state.ts";
import { FakeNft } from "../../../fake/nft.ts";
import { type ServiceSpec, stateOf } from "../../../fake/services.ts";
import { IpvsRig } from "./rig.ts";

const BACKENDS = [
  { id: 1, address: "198.51.100.11", port: 8080 },
  { id: 2, address: "198.51.100.12", port: 8080 },
] as const;

const WEB: ServiceSpec = { backends: BACKENDS };

const SIX: ServiceSpec = {
  vip: ["2001:db8:1::10"],
  backends: [{ id: 3, address: "2001:db8:b::11" }],
};

function rulesOf(services: readonly ServiceSpec[], tracking?: Tracking) {
  return ipvsRules({ ...stateOf(services), tracking });
}

function textsOf(units: ReturnType<typeof nftUnits>): string[] {
  return units.map(([, { text = "" }]) => text);
}

/** What a rule is, in a word and its ends. */
function words(rules: readonly IpvsRule[]): string[] {
  return rules.map((rule) => {
    const { address, protocol, ports } = rule.flow;
    const kind = rule.kind === "untracked" ? rule.side : rule.kind;
    const behind = rule.kind === "masquerade" ? ` ${rule.backend.address.text}` : "";
    return `${kind} ${protocol} ${address.text} ${ports.first}-${ports.last}${behind}`;
  });
}

Deno.test("conntrack passes over requests to a service and answers of its backends", () => {
  assert.deepEqual(words(rulesOf([WEB])), [
    "to tcp 203.0.113.10 80-80",
    "from tcp 198.51.100.11 8080-8080",
    "from tcp 198.51.100.12 8080-8080",
  ]);
});

Deno.test("answers that do not come this way have no rule", () => {
  assert.deepEqual(words(rulesOf([{ ...WEB, forward: "dr" }])), ["to tcp 203.0.113.10 80-80"]);
});

Deno.test("what masquerades is seen by conntrack, and nothing else of it is", () => {
  assert.deepEqual(words(rulesOf([{ ...WEB, masquerade: true }])), [
    "masquerade tcp 203.0.113.10 80-80 198.51.100.11",
    "masquerade tcp 203.0.113.10 80-80 198.51.100.12",
  ]);
});

Deno.test("where somebody's rules look at states, conntrack sees all", () => {
  assert.deepEqual(rulesOf([WEB], { watched: "chain input", shared: [], awaits: false }), []);
});

Deno.test("answers that other engines translate are seen by conntrack", () => {
  assert.deepEqual(words(rulesOf([WEB], { shared: ["198.51.100.11"], awaits: false })), [
    "to tcp 203.0.113.10 80-80",
    "from tcp 198.51.100.12 8080-8080",
  ]);
});

Deno.test("a backend of two services is one rule", () => {
  const rules = rulesOf([WEB, { ...WEB, name: "more", ports: [81] }]);
  assert.equal(rules.filter((rule) => rule.kind === "untracked" && rule.side === "from").length, 2);
});

Deno.test("each IP version has a table of nft's, in which sets hold what differs", () => {
  const units = new Map(nftUnits(rulesOf([WEB, { ...SIX, name: "six" }])));
  assert.deepEqual([...units.keys()], ["nft table ip lb-ipvs", "nft table ip6 lb-ipvs"]);
  const { text = "", detail } = units.get("nft table ip lb-ipvs")!;
  assert.equal(detail, "1 requests untracked, 2 answers untracked");
  assert.match(text, /^add element ip lb-ipvs to \{ 203\.0\.113\.10 \. tcp \. 80 \}$/m);
  assert.match(
    text,
    /^add rule ip lb-ipvs pre-raw ip saddr .* @from fib daddr type != local notrack$/m,
  );
});

Deno.test("ranges that overlap are put together, and stand beside exact ports", () => {
  const specs = ["80-90", "85-99", "200-201", 85].map((ports, index) => ({
    ...{ name: `s${index}`, ports: [ports], backends: [BACKENDS[0]] },
  }));
  const kept = specs.map((one) => ({ ...one, backends: [{ id: 1, address: "198.51.100.11" }] }));
  const [text = ""] = textsOf(nftUnits(rulesOf(kept)));
  assert.match(
    text,
    /from-ranges \{ 198\.51\.100\.11 \. tcp \. 80-99, 198\.51\.100\.11 \. tcp \. 200-201 \}/,
  );
  assert.match(text, /element ip lb-ipvs from \{ 198\.51\.100\.11 \. tcp \. 85 \}/);
});

Deno.test("a table is written anew, whatever is there", () => {
  const nft = new FakeNft();
  for (const [, { text = "" }] of nftUnits(rulesOf([{ ...WEB, masquerade: true }]))) {
    for (let turn = 0; turn < 2; turn++) assert.equal(nft.run(text).stderr, "");
  }
  const { chains, collections } = nft.table("ip lb-ipvs")!;
  assert.deepEqual([...chains.keys()], ["pre-filter", "post-nat"]);
  assert.deepEqual([...collections.get("vips")!.elements.keys()], ["203.0.113.10"]);
  assert.equal(chains.get("pre-filter")!.rules.length, 2, "INVALID both ways");
});

Deno.test("a range's mark is given way to by that of an exact port", () => {
  const flow = (first: number, last: number) => ({
    address: { family: 4, text: "203.0.113.0", length: 24 } as const,
    protocol: "tcp" as const,
    ports: { first, last },
  });
  const exact = {
    ...flow(80, 80),
    address: { family: 4, text: "203.0.113.10", length: 32 } as const,
  };
  const marks: IpvsRule[] = [
    { kind: "mark", flow: exact, mark: 7 },
    { kind: "mark", flow: flow(1, 100), mark: 9 },
  ];
  const [text = ""] = textsOf(nftUnits(marks));
  const rules = text.split("\n").filter((line) => line.startsWith("add rule"));
  assert.deepEqual(rules.map((line) => /@\S+/.exec(line)?.[0]), ["@mark-ranges", "@mark-exact"]);
});

Deno.test("iptables has a chain in each of its tables that takes rules", () => {
  const units = xtUnits(rulesOf([{ ...WEB, masquerade: true }, { ...SIX, name: "six" }]));
  assert.deepEqual(units.map(([name]) => name), [
    "iptables-legacy table mangle",
    "iptables-legacy table nat",
    "ip6tables-legacy table raw",
  ]);
  const [mangle = "", nat = "", raw = ""] = textsOf(units);
  assert.equal(mangle.split("\n").length, 3, "the VIP once, and each backend");
  assert.match(
    nat,
    /--dport 8080 -m conntrack --ctorigdst 203\.0\.113\.10 -j MASQUERADE/,
  );
  assert.match(
    raw,
    /^-A LB-IPVS -d 2001:db8:1::10 -p tcp -m tcp --dport 80 -j CT --notrack$/m,
  );
});

Deno.test("rules that were changed, or taken away, are drift, and come back", async () => {
  const rig = new IpvsRig();
  rig.lacks = [];
  await rig.apply(WEB);
  const { nft } = rig.kernel;
  assert.deepEqual(await rig.drift(), []);
  const damages = [
    "add element ip lb-ipvs to { 203.0.113.10 . tcp . 81 }",
    "flush chain ip lb-ipvs pre-raw",
    "delete table ip lb-ipvs",
  ];
  for (const damage of damages) {
    nft.edit(damage);
    assert.deepEqual(await rig.drift(), ["rules of nft table ip lb-ipvs"], damage);
    await rig.apply(WEB);
    assert.deepEqual(await rig.drift(), [], damage);
  }
  await rig.apply();
  assert.deepEqual(nft.tables, [], "nothing is left");
});

Deno.test("where nft's sets take no ranges, iptables has the rules, or nobody", () => {
  const unitsOf = (...lacks: readonly string[]) => [
    ...ipvsEngine.desired({ ...stateOf([WEB]), lacks }).units.keys(),
  ];
  assert.deepEqual(unitsOf(), ["nft table ip lb-ipvs"]);
  assert.deepEqual(unitsOf("nft-interval"), ["iptables-legacy table raw"]);
  assert.deepEqual(unitsOf("nft-interval", "xt-legacy"), []);
});
