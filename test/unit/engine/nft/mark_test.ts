import assert from "node:assert/strict";
import { DEFAULT_MARK_MASK, idOfMark, markLayout } from "../../../../lib/model/mark.ts";
import { LAYOUTS, Ruleset } from "./ruleset.ts";

const VIP = "203.0.113.10:80";
const CLIENT = "192.0.2.9:40000";
const B1 = { id: 1, address: "198.51.100.11" };
const B2 = { id: 2, address: "198.51.100.12" };

Deno.test("a client that is no backend keeps its address", () => {
  const ruleset = new Ruleset([{ backends: [B1, B2] }]);
  assert.equal(ruleset.tracer.send({ from: CLIENT, to: VIP }).masqueraded, false);
});

for (const [layout, lacks] of Object.entries(LAYOUTS)) {
  Deno.test(`${layout}: a backend that is a client of its own service is masqueraded (hairpin)`, () => {
    const services = [{
      vip: ["203.0.113.10", "2001:db8:1::10"],
      backends: [B1, { id: 3, address: "2001:db8:b::11" }],
    }];
    const ruleset = new Ruleset(services, undefined, lacks);
    for (
      const [from, to] of [["198.51.100.11:40000", VIP], [
        "[2001:db8:b::11]:40000",
        "[2001:db8:1::10]:80",
      ]]
    ) {
      assert.equal(ruleset.tracer.send({ from: from!, to: to! }).masqueraded, true, from);
    }
  });
}

/** The lowest id is what tells services apart in the set that they share. */
Deno.test("hairpin goes on when the backend with the lowest id leaves, or a lower one comes", () => {
  const [low, high] = [{ id: 5, address: "198.51.100.15" }, { id: 9, address: "198.51.100.19" }];
  const other = { name: "web2", vip: ["203.0.113.11"], backends: [{ ...high, id: 7 }] };
  const ruleset = new Ruleset([{ backends: [low, high] }, other]);
  const masqueraded = (to = VIP) =>
    ruleset.tracer.send({ from: "198.51.100.19:40000", to }).masqueraded;
  assert.equal(masqueraded(), true);
  ruleset.change([{ backends: [high] }, other]);
  assert.deepEqual([masqueraded(), masqueraded("203.0.113.11:80")], [true, true]);
  ruleset.change([{ backends: [high, { id: 1, address: "198.51.100.11" }] }, other]);
  assert.equal(masqueraded(), true);
  ruleset.change([{ backends: [{ id: 1, address: "198.51.100.11" }] }, other]);
  assert.deepEqual([masqueraded(), masqueraded("203.0.113.11:80")], [false, true]);
});

Deno.test("a backend that is a client of another service keeps its address, as any other client", () => {
  const ruleset = new Ruleset([
    { name: "web", vip: ["203.0.113.10", "2001:db8:1::10"], backends: [B1] },
    { name: "web2", vip: ["203.0.113.11"], backends: [B2] },
  ]);
  const masqueraded = (from: string, to: string) => ruleset.tracer.send({ from, to }).masqueraded;
  const [b1, b2] = ["198.51.100.11:40000", "198.51.100.12:40000"];
  const other = "203.0.113.11:80";
  assert.deepEqual([masqueraded(b1, VIP), masqueraded(b1, other)], [true, false]);
  assert.deepEqual([masqueraded(b2, VIP), masqueraded(b2, other)], [false, true]);
});

Deno.test("a hairpin is masqueraded though the backend's id does not fit the mark", () => {
  const ruleset = new Ruleset([{ backends: [{ ...B1, id: 0x1_0000 }] }]);
  assert.equal(ruleset.tracer.send({ from: "198.51.100.11:40000", to: VIP }).masqueraded, true);
  assert.equal(ruleset.tracer.send({ from: CLIENT, to: VIP }).masqueraded, false);
});

Deno.test("a backend's own connections elsewhere are left alone", () => {
  const ruleset = new Ruleset([{ backends: [B1] }]);
  const fate = ruleset.tracer.send({ from: "198.51.100.11:40000", to: "192.0.2.9:443" });
  assert.deepEqual([fate.to, fate.masqueraded], ["untouched", false]);
});

Deno.test("masquerade is for the service that asks for it, and only that", () => {
  const ruleset = new Ruleset([
    { name: "one-arm", masquerade: true, backends: [B1] },
    { name: "plain", vip: ["203.0.113.11"], backends: [B2] },
  ]);
  const masqueraded = (to: string) => ruleset.tracer.send({ from: CLIENT, to }).masqueraded;
  assert.deepEqual([VIP, "203.0.113.11:80"].map(masqueraded), [true, false]);
});

Deno.test("somebody else's connection marks do not make lb masquerade", () => {
  const ruleset = new Ruleset([{ masquerade: true, backends: [B1] }]);
  const packet = { from: CLIENT, to: "192.0.2.200:443", ct_mark: 0xffffffff };
  assert.equal(ruleset.tracer.send(packet).masqueraded, false);
});

for (const mask of [DEFAULT_MARK_MASK, 0x1ff, 0xff800000, 0xffff0000, 0x0ffff000]) {
  const name = `mark mask 0x${mask.toString(16)}`;
  const layout = markLayout(mask)!;
  const id = layout.idMax;

  Deno.test(`${name}: the connection mark holds the id, and the user's bits stay`, () => {
    const ruleset = new Ruleset([{ backends: [{ ...B1, id }] }], mask);
    for (const others of [0, 0xffffffff, 0x5a5a5a5a]) {
      const { ct_mark, masqueraded } = ruleset.tracer.send({
        from: CLIENT,
        to: VIP,
        ct_mark: others,
      });
      assert.equal(idOfMark(layout, ct_mark), id);
      assert.equal((ct_mark & ~mask) >>> 0, (others & ~mask) >>> 0);
      assert.equal(masqueraded, false, "the flag of somebody else's mark is overwritten");
    }
  });

  Deno.test(`${name}: masquerade travels in the flag bit`, () => {
    const ruleset = new Ruleset([{ masquerade: true, backends: [{ ...B1, id: 1 }] }], mask);
    const fate = ruleset.tracer.send({ from: CLIENT, to: VIP });
    assert.equal(fate.masqueraded, true);
    assert.equal((fate.ct_mark & layout.flag) >>> 0, layout.flag);
  });
}
