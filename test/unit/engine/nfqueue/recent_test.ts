import assert from "node:assert/strict";
import fc from "fast-check";
import { makeDecider } from "../../../../lib/engine/nfqueue/decide.ts";
import { newRecent, RecentChoices } from "../../../../lib/engine/nfqueue/recent.ts";
import { newSharedLoads, ThreadLoads } from "../../../../lib/engine/nfqueue/shared_loads.ts";
import { backends, firstPacket, LAYOUT, type QueueSpec, tableOf, TestLoads } from "./rig.ts";

const UDP: QueueSpec = { protocol: "udp", scheduler: "rr", backends: backends(3) };

function choose(spec: QueueSpec, loads: TestLoads | ThreadLoads, sport: number): number {
  const { view, start, end } = firstPacket({ sport, protocol: spec.protocol as "udp" });
  return makeDecider(tableOf(spec), loads).choose(view, start, end);
}

Deno.test("every datagram of a flow that comes soon gets the choice of the first", () => {
  for (const protocol of ["udp", "sctp"] as const) {
    for (const scheduler of ["rr", "wrr", "random", "wlc"] as const) {
      const spec: QueueSpec = { ...UDP, protocol, scheduler };
      const loads = new TestLoads();
      const decider = makeDecider(tableOf(spec), loads);
      const ask = (sport: number) => {
        const { view, start, end } = firstPacket({ sport, protocol });
        return decider.choose(view, start, end);
      };
      const first = Array.from({ length: 30 }, (_, flow) => ask(flow + 1));
      for (let turn = 0; turn < 3; turn++) {
        assert.deepEqual(Array.from({ length: 30 }, (_, flow) => ask(flow + 1)), first, scheduler);
      }
      assert.equal(new Set(first).size, 3);
      if (scheduler === "wlc") assert.equal(loads.taken.length, 30, "each flow counts once");
    }
  }
});

Deno.test("what one thread chose for a flow the others choose, too", () => {
  const shared = newSharedLoads(LAYOUT, 2);
  const [one, other] = [0, 1].map((thread) => new ThreadLoads(shared, thread)) as [
    ThreadLoads,
    ThreadLoads,
  ];
  for (let sport = 1; sport <= 50; sport++) {
    assert.equal(choose(UDP, other, sport), choose(UDP, one, sport));
  }
});

Deno.test("a backend that is gone meanwhile is not chosen again", () => {
  const loads = new TestLoads();
  const first = choose(UDP, loads, 5);
  const left = UDP.backends!.filter(({ id }) => id !== first);
  const second = choose({ ...UDP, backends: left }, loads, 5);
  assert.notEqual(second, first);
  assert.equal(choose(UDP, loads, 5), second);
});

Deno.test("a choice is forgotten after three seconds, and where the clock is set back", () => {
  for (const [later_ms, expected] of [[2_999, 9], [3_000, 0], [-1, 0]] as const) {
    let now_ms = 2 ** 32 - 1_000;
    const recent = new RecentChoices(newRecent(1), () => now_ms);
    assert.equal(recent.recall(0xffffffff), 0);
    recent.settle(0xffffffff, 9);
    now_ms += later_ms;
    assert.equal(recent.recall(0xffffffff), expected);
  }
});

Deno.test("a choice that is recalled again and again does not last longer for it", () => {
  let now_ms = 0;
  const recent = new RecentChoices(newRecent(1), () => now_ms);
  for (; now_ms < 3_000; now_ms += 500) recent.settle(1, recent.recall(1) || 9);
  assert.equal(recent.recall(1), 0);
});

Deno.test("what is recalled was chosen for that very flow, however many there are", () => {
  fc.assert(fc.property(fc.array(fc.nat({ max: 20 }), { maxLength: 60 }), (flows) => {
    const recent = new RecentChoices(newRecent(1), () => 5);
    const last = new Map<number, number>();
    for (const [turn, flow] of flows.entries()) {
      const id = recent.recall(flow);
      assert.ok(id === 0 || id === last.get(flow));
      recent.settle(flow, turn + 1);
      last.set(flow, turn + 1);
      // The latest is never the one that is forgotten.
      assert.equal(recent.recall(flow), turn + 1);
      recent.settle(flow, turn + 1);
    }
  }));
});

Deno.test("a place that a dead thread has locked holds nobody up for long", () => {
  const memory = newRecent(1);
  new RecentChoices(memory).recall(1);
  const began_ms = performance.now();
  const other = new RecentChoices(memory);
  assert.equal(other.recall(1), 0);
  other.settle(1, 3);
  assert.ok(performance.now() - began_ms < 500);
});
