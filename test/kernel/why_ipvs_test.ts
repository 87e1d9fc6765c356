/** What lb tells of connections that IPVS has: where they go, and what a plan does to them. */
import assert from "node:assert/strict";
import { backendAddress, CLIENT } from "../../lib/demo/layout.ts";
import { door, scaleName, type ServiceText, serviceText } from "./config.ts";
import { kernelTests, type Lab } from "./harness.ts";
import { holdOpen } from "./held.ts";
import { outcomeOf, planned } from "./impact_rig.ts";
import { apply } from "./steps.ts";

const test = kernelTests({ backends: 3, need: "ipvs" });

const COUNT = 60;

const NOTHING = { kept: 0, draining: 0, cut: 0, flushed: 0 };

const WEB: ServiceText = { weights: [1, 1, 1], families: [4], more: 'engine = "ipvs"' };
const OTHER: ServiceText = { ...WEB, name: "other", vips: [11] };

let first_port = 20_000;

function open(lab: Lab, service: "tcp" | "udp" = "tcp") {
  first_port += COUNT;
  const sources = { addresses: [CLIENT[4]], first_port };
  const doors = [service === "udp" ? door(4, 10, 53) : door(4)];
  return holdOpen(lab, { protocol: service, doors, sources, count: COUNT });
}

interface Flow {
  readonly answer: string;
  readonly engine: string;
  readonly backend: { readonly address: string } | null;
  readonly reason: string | null;
  readonly shares: readonly unknown[];
  readonly connection: { readonly known_by: string } | null;
}

test("a connection in IPVS's table is told; of who has none the reason is, and the shares", async (lab) => {
  await apply(lab, { ...WEB, scheduler: "wlc" });
  const held = await open(lab);
  for (const index of [0, 1, COUNT - 1]) {
    const words = [`${CLIENT[4]}:${first_port + index}`];
    const { flows: [flow] } = await lab.balancer.json<{ flows: Flow[] }>(0, "why", ...words);
    const name = [0, 1, 2].find((one) => backendAddress(4, one) === flow!.backend!.address)! + 1;
    assert.equal(`b${name}`, held.names[index]);
    assert.deepEqual([flow!.answer, flow!.engine], ["connected", "ipvs"]);
    assert.equal(flow!.connection!.known_by, "ipvs");
  }
  const { flows: [none] } = await lab.balancer.json<{ flows: Flow[] }>(0, "why", "192.0.2.10:9");
  assert.equal(none!.answer, "shared");
  assert.match(none!.reason!, /wlc: it depends on the connections/);
  assert.equal(none!.shares.length, 3);
  await held.ask();
});

test("what a plan says of IPVS's connections is what happens: removed at once, cut, and its service removed", async (lab) => {
  await apply(lab, WEB, OTHER);
  const held = await open(lab);
  const now = ["scale", "web", "--remove", scaleName(4, 0), "--now"] as const;
  const [kept] = await planned(lab, ...now);
  assert.deepEqual(kept!.connections, { ...NOTHING, kept: COUNT });
  assert.equal(kept!.slots_remapped, null);
  await lab.balancer.json(0, ...now);
  assert.deepEqual(await outcomeOf(held), { kept: COUNT, cut: 0, moved: 0 });

  const more = await open(lab);
  const cut = more.names.filter((name) => name === "b2").length;
  const words = ["scale", "web", "--drain", scaleName(4, 1), "--cut"] as const;
  const [drained] = await planned(lab, ...words);
  assert.deepEqual(drained!.connections, { ...NOTHING, kept: COUNT - cut, cut });
  await lab.balancer.json(0, ...words);
  assert.deepEqual(await outcomeOf(more), { kept: COUNT - cut, cut, moved: 0 });

  const last = await open(lab);
  lab.balancer.writeConfig(serviceText(OTHER));
  const [gone] = await planned(lab, "apply");
  assert.deepEqual(gone!.engine, { from: "ipvs", to: null });
  assert.deepEqual(gone!.connections, { ...NOTHING, cut: COUNT });
  await lab.balancer.json(0, "apply");
  assert.deepEqual(await outcomeOf(last), { kept: 0, cut: COUNT, moved: 0 });
});

test("the udp flows of a backend that leaves IPVS are forgotten, as planned", async (lab) => {
  await apply(lab, { ...WEB, protocol: "udp", ports: "[53]" });
  const held = await open(lab, "udp");
  const flushed = held.names.filter((name) => name === "b1").length;
  const words = ["scale", "web", "--remove", scaleName(4, 0, 53), "--now"] as const;
  const [impact] = await planned(lab, ...words);
  assert.deepEqual(impact!.connections, { ...NOTHING, kept: COUNT - flushed, flushed });
  await lab.balancer.json(0, ...words);
  assert.deepEqual(await outcomeOf(held), { kept: COUNT - flushed, cut: 0, moved: flushed });
});
