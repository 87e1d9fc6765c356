import assert from "node:assert/strict";
import { DEFAULT_MARK_MASK } from "../../../../lib/model/mark.ts";
import type { ServiceSpec } from "../../../fake/services.ts";
import { LAYOUTS, Ruleset } from "./ruleset.ts";
import type { Fate, Packet } from "./trace.ts";

const CLIENTS = [["192.0.2.9:4000", "203.0.113.10:80"], [
  "[2001:db8:c::9]:4000",
  "[2001:db8:1::10]:80",
]] as const;

const QUALITY: ServiceSpec = {
  vip: ["203.0.113.10", "2001:db8:1::10"],
  mark: 0x1,
  dscp: 46,
  priority: "1:10",
  backends: [{ id: 1, address: "198.51.100.11" }, { id: 2, address: "2001:db8:b::11" }],
};

const PLAIN: ServiceSpec = {
  name: "plain",
  vip: ["203.0.113.11"],
  backends: [{ id: 3, address: "198.51.100.11" }],
};

const written = ({ mark, dscp, priority }: Fate) => [mark, dscp, priority];

for (const [layout, lacks] of Object.entries(LAYOUTS)) {
  for (const local of [false, true]) {
    const whose = local ? "the balancer's own" : "a client's";

    Deno.test(`quality: ${layout}: ${whose} packets have mark, dscp and priority, the first and the later ones`, () => {
      const { tracer } = new Ruleset([QUALITY, PLAIN], undefined, lacks);
      for (const [from, to] of CLIENTS) {
        const first = tracer.send({ from, to, local });
        assert.deepEqual(written(first), [1, 46, "1:10"], from);
        const { ct_mark } = first;
        const later = tracer.send({ from, to, local, ct_mark, state: "established" });
        assert.deepEqual(written(later), [1, 46, "1:10"], from);
      }
    });
  }
}

Deno.test("quality: answers have dscp and priority, but no mark: that is for the way to the backend", () => {
  const { tracer } = new Ruleset([QUALITY]);
  for (const [from, to] of CLIENTS) {
    const { ct_mark } = tracer.send({ from, to });
    const packet = { from: to, to: from, ct_mark, state: "established", reply: true } as const;
    assert.deepEqual(written(tracer.send(packet)), [0, 46, "1:10"]);
  }
});

Deno.test("quality: other services and other connections are left as they are", () => {
  const { tracer } = new Ruleset([QUALITY, PLAIN]);
  const plain = { from: "192.0.2.9:4000", to: "203.0.113.11:80" };
  const { ct_mark } = tracer.send(plain);
  const packets: Packet[] = [
    plain,
    { ...plain, ct_mark, state: "established" },
    { from: "192.0.2.9:4000", to: "192.0.2.1:443" },
    { from: "192.0.2.9:4000", to: "192.0.2.1:443", ct_mark: ~DEFAULT_MARK_MASK >>> 0 },
  ];
  for (const packet of packets) {
    assert.deepEqual(written(tracer.send(packet)), [0, 0, "none"], JSON.stringify(packet));
  }
});

Deno.test("quality: the user's own bits of both marks survive", () => {
  const { tracer } = new Ruleset([{ ...QUALITY, mark: 0x8000_0001 }]);
  for (const [from, to] of CLIENTS) {
    const fate = tracer.send({ from, to, mark: 0x7000_0070, ct_mark: 0x5a00_005a });
    assert.equal(fate.mark, 0xf000_0071);
    assert.equal((fate.ct_mark & ~DEFAULT_MARK_MASK) >>> 0, 0x5a00_005a);
    const later = tracer.send({
      from,
      to,
      mark: 0x7000_0070,
      ct_mark: fate.ct_mark,
      state: "established",
    });
    assert.equal(later.mark, 0xf000_0071);
  }
});

Deno.test("quality: works beside masquerade, whose flag shares the conntrack mark", () => {
  const { tracer } = new Ruleset([{ ...QUALITY, masquerade: true }]);
  const [from, to] = CLIENTS[0];
  const { ct_mark, masqueraded } = tracer.send({ from, to });
  assert.equal(masqueraded, true);
  const later = tracer.send({ from, to, ct_mark, state: "established" });
  assert.deepEqual(written(later), [1, 46, "1:10"]);
});

Deno.test("quality: works beside persistence and hash schedulers, which use the priority on their way", () => {
  const persistence = { timeout_ms: 1_000, mask: 24, mask6: 64 };
  const { tracer } = new Ruleset([{ ...QUALITY, scheduler: "maglev", persistence }]);
  for (const [from, to] of CLIENTS) {
    assert.deepEqual(written(tracer.send({ from, to })), [1, 46, "1:10"]);
    assert.deepEqual(written(tracer.send({ from, to })), [1, 46, "1:10"]);
  }
});

Deno.test("quality: one of the three alone sets nothing else, and dscp 0 is a value", () => {
  const alone = (quality: Partial<ServiceSpec>) => {
    const { mark: _mark, dscp: _dscp, priority: _priority, ...rest } = QUALITY;
    const [from, to] = CLIENTS[0];
    return written(new Ruleset([{ ...rest, ...quality }]).tracer.send({ from, to }));
  };
  assert.deepEqual(alone({ mark: 4 }), [4, 0, "none"]);
  assert.deepEqual(alone({ dscp: 8 }), [0, 8, "none"]);
  assert.deepEqual(alone({ priority: "ffff:1" }), [0, 0, "ffff:1"]);
  const { nft } = new Ruleset([{ ...QUALITY, mark: 0, priority: undefined, dscp: 0 }]);
  assert.ok(nft.table("inet lb")!.chains.has("q-web-p"));
});

Deno.test("quality: it comes and goes with its keys, and leaves no chain behind", () => {
  const { mark: _mark, dscp: _dscp, priority: _priority, ...rest } = QUALITY;
  const ruleset = new Ruleset([rest]);
  const before = [...ruleset.nft.table("inet lb")!.chains.keys()].sort();
  const changes = ruleset.change([QUALITY]);
  assert.ok(!changes.includes("change table inet lb"));
  ruleset.change([rest]);
  assert.deepEqual([...ruleset.nft.table("inet lb")!.chains.keys()].sort(), before);
});
