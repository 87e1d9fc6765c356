/** What becomes of packets for services with `forward = "dr"`, by the tracer. */
import assert from "node:assert/strict";
import { INGRESS_REJECT } from "../../../../lib/engine/nft/ingress/supports.ts";
import type { Ingress } from "../../../../lib/model/state.ts";
import { ingressAt, type ServiceSpec, stateOf } from "../../../fake/services.ts";
import { Ruleset } from "./ruleset.ts";

const V4 = [
  { id: 1, address: "198.51.100.11", ifindex: 7 },
  { id: 2, address: "198.51.100.12", ifindex: 7 },
];
const V6 = [{ id: 3, address: "2001:db8:b::11", ifindex: 8 }];
const VIP = "203.0.113.10:80";
const CLIENT = "192.0.2.9:40000";

const DIRECT: ServiceSpec = {
  forward: "dr",
  scheduler: "maglev",
  vip: ["203.0.113.10", "2001:db8:1::10"],
  backends: [...V4, ...V6],
};

function rulesetOf(services: readonly ServiceSpec[], ingress: Ingress = ingressAt(["eth0"])) {
  const ruleset = new Ruleset([]);
  ruleset.bringTo(stateOf(services, undefined, [], ingress));
  return ruleset;
}

Deno.test("ingress: a packet goes to a backend by its interface, in both IP versions", () => {
  const ruleset = rulesetOf([DIRECT]);
  assert.equal(ruleset.to("[2001:db8:c::9]:40000", "[2001:db8:1::10]:80"), "2001:db8:b::11 by 8");
  const spread = ruleset.spread(400, VIP);
  assert.deepEqual(Object.keys(spread).sort(), ["198.51.100.11 by 7", "198.51.100.12 by 7"]);
});

Deno.test("ingress: every packet of a connection finds the backend of its first", () => {
  const ruleset = rulesetOf([DIRECT]);
  for (let port = 1024; port < 1124; port++) {
    const packet = { from: `192.0.2.9:${port}`, to: VIP };
    const first = ruleset.tracer.send(packet);
    const later = ruleset.tracer.send({ ...packet, state: "established" });
    assert.equal(later.to, first.to);
    assert.deepEqual([first.counters.length, later.counters], [1, []], "only the first is counted");
  }
});

Deno.test("ingress: what is not for a service goes on untouched", () => {
  const ruleset = rulesetOf([DIRECT]);
  assert.equal(ruleset.to(CLIENT, "203.0.113.10:81"), "untouched");
  assert.equal(ruleset.to(CLIENT, "203.0.113.11:80"), "untouched");
  assert.equal(ruleset.to(CLIENT, VIP, "udp"), "untouched");
});

Deno.test("ingress: a VIP that is routed here refuses ports without a service", () => {
  const ruleset = rulesetOf([DIRECT], ingressAt(["eth0"], ["203.0.113.10", "2001:db8:1::10"]));
  assert.equal(ruleset.to(CLIENT, "203.0.113.10:81"), "reset");
  assert.equal(ruleset.to(CLIENT, VIP, "udp"), "unreachable");
  assert.equal(ruleset.to("[2001:db8:c::9]:40000", "[2001:db8:1::10]:81"), "reset");
  assert.match(ruleset.to(CLIENT, VIP), /by 7$/);
});

Deno.test("ingress: without backends, with none that has a weight or a link, clients are refused", () => {
  const refusing = [
    [],
    V4.map((backend) => ({ ...backend, weight: 0 })),
    V4.map(({ id, address }) => ({ id, address, weight: 0 })),
  ];
  for (const backends of refusing) {
    assert.equal(rulesetOf([{ ...DIRECT, backends }]).to(CLIENT, VIP), "reset");
  }
});

Deno.test("ingress: a kernel that cannot refuse there says nothing, and lets nothing past", () => {
  const ruleset = new Ruleset([]);
  const services = [{ ...DIRECT, backends: [] }];
  const routed = ingressAt(["eth0"], ["203.0.113.10"]);
  ruleset.bringTo(stateOf(services, undefined, [INGRESS_REJECT], routed));
  assert.equal(ruleset.to(CLIENT, VIP), "dropped");
  assert.equal(ruleset.to(CLIENT, "203.0.113.10:81"), "dropped");
  const changed = ruleset.bringTo(stateOf(services, undefined, [], routed));
  assert.deepEqual(changed, ["change netdev lb chain refuse"]);
});

Deno.test("ingress: who is denied, or not allowed, is dropped with all that he sends", () => {
  const denied = rulesetOf([{ ...DIRECT, deny: ["192.0.2.0/24"] }]);
  const strange = rulesetOf([{ ...DIRECT, allow: ["192.0.2.128/25"] }]);
  for (const ruleset of [denied, strange]) {
    for (const state of ["new", "established"] as const) {
      assert.equal(ruleset.tracer.send({ from: CLIENT, to: VIP, state }).to, "dropped");
    }
    assert.match(ruleset.to("192.0.3.1:1", VIP), ruleset === denied ? /by 7/ : /dropped/);
  }
});

Deno.test("ingress: what opens a connection counts for the rate, what belongs to one does not", () => {
  const ruleset = rulesetOf([{ ...DIRECT, max_new_per_second: 3 }]);
  const send = (state: "new" | "established") =>
    ruleset.tracer.send({ from: CLIENT, to: VIP, state }).to;
  for (let packet = 0; packet < 20; packet++) assert.match(send("established"), /by 7/);
  for (let packet = 0; packet < 3; packet++) assert.match(send("new"), /by 7/);
  assert.equal(send("new"), "reset");
  assert.match(send("established"), /by 7/);
});

Deno.test("ingress: dscp and priority are set on the way to the backend", () => {
  const ruleset = rulesetOf([{ ...DIRECT, dscp: 46, priority: "1:10" }]);
  const { dscp, priority } = ruleset.tracer.send({ from: CLIENT, to: VIP });
  assert.deepEqual([dscp, priority], [46, "1:10"]);
  const plain = rulesetOf([DIRECT]).tracer.send({ from: CLIENT, to: VIP });
  assert.deepEqual([plain.dscp, plain.priority], [0, "none"]);
});

Deno.test("ingress: an exact port wins over a range, be it of dr or of nat", () => {
  const range: ServiceSpec = { ...DIRECT, name: "range", ports: "all" };
  const nat: ServiceSpec = {
    name: "nat",
    ports: [443],
    backends: [{ id: 9, address: "198.51.100.19" }],
  };
  const exact: ServiceSpec = {
    ...DIRECT,
    name: "exact",
    ports: [8080],
    backends: [{ id: 10, address: "198.51.100.20", ifindex: 7 }],
  };
  const ruleset = rulesetOf([range, nat, exact]);
  assert.equal(ruleset.to(CLIENT, "203.0.113.10:443"), "198.51.100.19:443");
  assert.equal(ruleset.to(CLIENT, "203.0.113.10:8080"), "198.51.100.20 by 7");
  assert.match(ruleset.to(CLIENT, "203.0.113.10:9"), /198\.51\.100\.1[12] by 7/);
  const natRange = { ...nat, ports: ["1-65535"] };
  assert.equal(rulesetOf([natRange, exact]).to(CLIENT, "203.0.113.10:8080"), "198.51.100.20 by 7");
});

Deno.test("ingress: where nobody is to be caught there is no hook, and where nobody is served no table", () => {
  const ruleset = rulesetOf([DIRECT], ingressAt([]));
  assert.equal(ruleset.to(CLIENT, VIP), "untouched");
  assert.deepEqual(ruleset.nft.tables, ["netdev lb"]);
  ruleset.bringTo(stateOf([{ ...DIRECT, forward: "nat" }]));
  assert.deepEqual(ruleset.nft.tables, ["inet lb"]);
  ruleset.bringTo(stateOf([]));
  assert.deepEqual(ruleset.nft.tables, []);
});

Deno.test("ingress: interfaces that come and go change their own chains only", () => {
  const ruleset = rulesetOf([DIRECT], ingressAt(["eth0", "eth1"]));
  const changed = ruleset.bringTo(stateOf([DIRECT], undefined, [], ingressAt(["eth0", "vlan.7"])));
  assert.deepEqual(changed, [
    "add netdev lb chain in-vlan.7",
    "remove netdev lb chain in-eth1",
  ]);
});

Deno.test("ingress: a backend that moves to another interface changes its own chain only", () => {
  const ruleset = rulesetOf([DIRECT]);
  const backends = [{ ...V4[0]!, ifindex: 9 }, V4[1]!, ...V6];
  const state = stateOf([{ ...DIRECT, backends }], undefined, [], ingressAt(["eth0"]));
  assert.deepEqual(ruleset.bringTo(state), ["change netdev lb chain b-1"]);
});

Deno.test("ingress: both tables bear the mark of the last transaction, whichever it was about", () => {
  const nat: ServiceSpec = {
    name: "nat",
    vip: ["203.0.113.20"],
    backends: [{ id: 9, address: "198.51.100.19" }],
  };
  const ruleset = rulesetOf([DIRECT, nat]);
  const tokens = () =>
    ["inet lb", "netdev lb"].map((name) =>
      [
        ...ruleset.nft.table(name)!.collections.get("revision")!.elements.keys(),
      ].join()
    );
  for (const services of [[DIRECT, { ...nat, dscp: 1 }], [{ ...DIRECT, dscp: 1 }, nat]]) {
    const before = tokens();
    ruleset.bringTo(stateOf(services, undefined, [], ingressAt(["eth0"])));
    assert.equal(tokens()[0], tokens()[1]);
    assert.notEqual(tokens()[0], before[0]);
  }
});
