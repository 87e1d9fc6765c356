import assert from "node:assert/strict";
import fc from "fast-check";
import { makeDecider, needsLoads } from "../../../../lib/engine/nfqueue/decide.ts";
import type { QueueTable } from "../../../../lib/engine/nfqueue/table.ts";
import type { Scheduler } from "../../../../lib/model/service.ts";
import { hashSlot, type SlotScheduler, slotTable } from "../../../../lib/scheduler/slots.ts";
import { icmp, ipPacket, tcp } from "../../packet/packets.ts";
import {
  addressOf,
  backends,
  type FirstPacket,
  firstPacket,
  LAYOUT,
  queued,
  type QueueSpec,
  tableOf,
  TestLoads,
} from "./rig.ts";

/** A generator that is the same each time. */
function steps(): () => number {
  let state = 0;
  return () => (state = (state + 0.381966) % 1);
}

function chooser(table: QueueTable, loads = new TestLoads()) {
  const decider = makeDecider(table, loads, undefined, steps());
  return (packet: FirstPacket = {}) => {
    const { view, start, end } = firstPacket(packet);
    return decider.choose(view, start, end);
  };
}

function tally(choices: readonly number[]): Record<number, number> {
  const counts: Record<number, number> = {};
  for (const id of choices) counts[id] = (counts[id] ?? 0) + 1;
  return counts;
}

const BOTH: QueueSpec = {
  vip: ["203.0.113.10", "2001:db8:1::10"],
  backends: [
    ...backends(5, [100, 300, 50, 0, 100]),
    ...[11, 12, 13].map((id) => ({ id, address: `2001:db8:b::${id}`, weight: id })),
  ],
};

Deno.test("hash schedulers choose what the kernel's slot map chooses, for any client", () => {
  for (const scheduler of ["sh", "maglev"] as const) {
    const table = tableOf({ ...BOTH, scheduler });
    const choose = chooser(table);
    const service = table.services[0]!;
    const check = (from: string, to: string, sport: number) => {
      const source = addressOf(from);
      const own = service.backends.filter(({ address }) => address.family === source.family);
      const slots = slotTable(scheduler, service.name, own);
      assert.equal(choose({ from, to, sport }), slots.slots[hashSlot(slots, source, sport)!]);
    };
    fc.assert(
      fc.property(fc.ipV4(), fc.nat(65535), (from, sport) => check(from, "203.0.113.10", sport)),
    );
    fc.assert(
      fc.property(
        fc.ipV6(),
        fc.nat(65535),
        (from, sport) => check(from.includes(".") ? "2001:db8::1" : from, "2001:db8:1::10", sport),
      ),
    );
  }
});

Deno.test("a hash scheduler's choice is the same under limits and bounds that are far", () => {
  const limited = BOTH.backends!.map((backend) => ({ ...backend, max_connections: 1_000_000 }));
  const plain = chooser(tableOf({ ...BOTH, scheduler: "maglev" }));
  const near = chooser(tableOf({ ...BOTH, scheduler: "maglev", backends: limited }));
  for (let sport = 1024; sport < 3_000; sport++) assert.equal(near({ sport }), plain({ sport }));
});

Deno.test("turns are as many as weights say, and so is chance by and by", () => {
  const spec = { backends: backends(3, [100, 300, 200]) };
  const choices = (scheduler: Scheduler) => {
    const choose = chooser(tableOf({ ...spec, scheduler }));
    return tally(Array.from({ length: 600 }, () => choose()));
  };
  assert.deepEqual(choices("rr"), { 1: 200, 2: 200, 3: 200 });
  assert.deepEqual(choices("wrr"), { 1: 100, 2: 300, 3: 200 });
  const { 1: one = 0, 2: two = 0, 3: three = 0 } = choices("random");
  for (const [got, wanted] of [[one, 100], [two, 300], [three, 200]] as const) {
    assert.ok(Math.abs(got - wanted) < 30, `${got} of ${wanted}`);
  }
});

Deno.test("wlc looks at connections per weight, lc at connections, and both count what they chose", () => {
  const spec = { backends: backends(2, [100, 300]) };
  const run = (scheduler: Scheduler, counts: Record<number, number>, times: number) => {
    const choose = chooser(tableOf({ ...spec, scheduler }), new TestLoads(counts));
    return tally(Array.from({ length: times }, () => choose()));
  };
  assert.deepEqual(run("wlc", { 1: 10, 2: 29 }, 1), { 2: 1 });
  assert.deepEqual(run("wlc", { 1: 10, 2: 0 }, 30), { 2: 30 });
  assert.deepEqual(run("wlc", {}, 400), { 1: 100, 2: 300 });
  assert.deepEqual(run("lc", { 1: 10, 2: 29 }, 19), { 1: 19 });
  assert.deepEqual(run("lc", {}, 400), { 1: 200, 2: 200 });
});

Deno.test("lc gives a backend that comes back slowly as little as its start says", () => {
  const table = tableOf({ scheduler: "lc", backends: backends(2) });
  const [service] = table.services;
  const rising = service!.backends.map((backend, index) =>
    index === 0 ? { ...backend, effective_weight: 25 } : backend
  );
  const choose = chooser({ ...table, services: [{ ...service!, backends: rising }] });
  assert.deepEqual(tally(Array.from({ length: 100 }, () => choose())), { 1: 20, 2: 80 });
});

Deno.test("with a bound nobody gets more than that above the average, though one client sends all", () => {
  const spec = { scheduler: "maglev", bound: 0.25, backends: backends(4) } as const;
  const choose = chooser(tableOf(spec));
  const counts = tally(Array.from({ length: 1_000 }, () => choose({ sport: 5_000 })));
  assert.equal(Object.values(counts).length, 4);
  assert.ok(Math.max(...Object.values(counts)) <= Math.ceil(1.25 * 250), JSON.stringify(counts));
});

Deno.test("backends at max_connections are passed over, whatever the scheduler; where all are, the kernel says no", () => {
  const limited = backends(3).map((one, index) => ({ ...one, max_connections: [2, 5, 9][index] }));
  for (const scheduler of ["rr", "wrr", "random", "sh", "maglev", "lc", "wlc"] as const) {
    for (const bound of scheduler === "maglev" ? [0, 0.25] : [0]) {
      const choose = chooser(tableOf({ scheduler, bound, backends: limited }));
      const choices = Array.from({ length: 17 }, (_, index) => choose({ sport: 1024 + index }));
      assert.deepEqual(tally(choices), { 0: 1, 1: 2, 2: 5, 3: 9 }, `${scheduler} ${bound}`);
      assert.equal(choices.at(-1), 0);
    }
  }
});

Deno.test("a choice is told with the flow it was for: another for every other", () => {
  const loads = new TestLoads();
  const choose = chooser(tableOf({ scheduler: "lc", backends: backends(2), ports: "all" }), loads);
  const packets = [
    ...[{}, { sport: 40_001 }, { dport: 81 }, { from: "192.0.2.2" }],
    { sport: 80, dport: 40_000 },
  ];
  for (const packet of [...packets, packets[0]!]) choose(packet);
  const flows = loads.taken.map(({ flow }) => flow);
  assert.equal(new Set(flows).size, packets.length);
  assert.equal(flows[0], flows.at(-1));
});

Deno.test("a count that changes while it is looked at is looked at again", () => {
  const loads = new TestLoads({ 1: 0, 2: 1 });
  const take = loads.take.bind(loads);
  // Another thread takes the same place in between, twice.
  let others = 2;
  loads.take = (id, active, flow) => {
    if (others-- > 0) loads.counts[1]!++;
    return take(id, active, flow);
  };
  const choose = chooser(tableOf({ scheduler: "lc", backends: backends(2) }), loads);
  assert.equal(choose(), 2);
  assert.deepEqual(loads.counts, { 1: 2, 2: 2 });
});

Deno.test("what is for no service, or no first packet of one, is left to the kernel", () => {
  const decider = makeDecider(tableOf({ backends: backends(2) }), new TestLoads());
  const [source, destination] = [addressOf("192.0.2.1"), addressOf("203.0.113.10")];
  const syn = ipPacket({ source, destination, protocol: 6, payload: tcp(1, 80, 2) });
  const choose = (bytes: Uint8Array) => {
    const { view, start, end } = queued(bytes);
    return decider.choose(view, start, end);
  };
  assert.notEqual(choose(syn), 0);
  for (let length = 0; length < syn.length; length++) assert.equal(choose(syn.slice(0, length)), 0);
  const error = { source, destination, protocol: 1, payload: icmp(3, syn) };
  assert.equal(choose(ipPacket(error)), 0);
  assert.equal(choose(ipPacket({ ...error, payload: icmp(8) })), 0);
  assert.equal(choose(ipPacket({ ...error, protocol: 6, payload: tcp(1, 81, 2) })), 0);
});

Deno.test("a service without serving backends of the packet's family is left to the kernel", () => {
  const v6 = { from: "2001:db8:c::1", to: "2001:db8:1::10" };
  for (const scheduler of ["rr", "sh", "wlc", "maglev"] as const) {
    const choose = chooser(tableOf({
      scheduler,
      vip: ["203.0.113.10", "2001:db8:1::10"],
      backends: backends(2, [0, 0]),
    }));
    assert.equal(choose(), 0);
    assert.equal(choose(v6), 0);
  }
});

Deno.test("a backend whose id the mark cannot tell leaves its service to the kernel", () => {
  const far = { id: LAYOUT.idMax, address: "198.51.100.9" };
  const choose = chooser(tableOf({ scheduler: "rr", backends: [...backends(2), far] }));
  assert.equal(choose(), 0);
  const drained = chooser(tableOf({ backends: [...backends(2), { ...far, weight: 0 }] }));
  assert.notEqual(drained(), 0);
});

Deno.test("schedulers that a slot table cannot carry are left to the kernel", () => {
  assert.equal(chooser(tableOf({ scheduler: "sed", backends: backends(2) }))(), 0);
});

Deno.test("counts are needed for lc, wlc, bounds and limits, and for nothing else", () => {
  const needed = (spec: QueueSpec) => needsLoads(tableOf({ backends: backends(2), ...spec }));
  const others: readonly SlotScheduler[] = ["rr", "wrr", "random", "sh", "maglev", "lr", "cpu"];
  assert.deepEqual(others.filter((scheduler) => needed({ scheduler })), []);
  assert.ok(needed({ scheduler: "lc" }));
  assert.ok(needed({ scheduler: "wlc" }));
  assert.ok(needed({ scheduler: "maglev", bound: 0.1 }));
  assert.ok(needed({ backends: backends(2).map((one) => ({ ...one, max_connections: 5 })) }));
});

Deno.test("no packet makes a choice fail, and none is chosen for that is not whole", () => {
  const table = tableOf({ scheduler: "wlc", ports: "all", backends: backends(2) });
  const decider = makeDecider(table, new TestLoads());
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 120 }),
      fc.constantFrom(0, 0x45, 0x60),
      (bytes, first) => {
        if (first !== 0 && bytes.length > 0) bytes[0] = first;
        const { view, start, end } = queued(bytes);
        const id = decider.choose(view, start, end);
        return id >= 0 && id <= 2;
      },
    ),
    { numRuns: 2_000 },
  );
});

Deno.test("two threads do not begin with the same turn", () => {
  const table = tableOf({ scheduler: "rr", backends: backends(20) });
  const firsts = Array.from({ length: 20 }, () => {
    const { view, start, end } = firstPacket();
    return makeDecider(table, new TestLoads()).choose(view, start, end);
  });
  assert.ok(new Set(firsts).size > 5, `${firsts}`);
});

Deno.test("a new table lets services that are as they were go on with their turns, and others begin anew", () => {
  const [web, shop] = [{ backends: backends(4) }, { ports: [81], backends: backends(4) }];
  const loads = new TestLoads();
  // Who began anew would begin with the same turn.
  const first = makeDecider(tableOf(web, shop), loads, undefined, () => 0);
  const choose = (decider: typeof first, dport = 80) => {
    const { view, start, end } = firstPacket({ dport });
    return decider.choose(view, start, end);
  };
  const before = [choose(first), choose(first)];
  choose(first, 81);
  const second = makeDecider(
    { ...tableOf({ ...shop, backends: backends(3) }, web), token: "two" },
    loads,
    first,
    () => 0,
  );
  const after = [choose(second), choose(second)];
  assert.deepEqual(new Set([...before, ...after]).size, 4, `${before} ${after}`);
  assert.equal(second.token, "two");
  const changed = Array.from({ length: 30 }, () => choose(second, 81));
  assert.deepEqual(tally(changed), { 1: 10, 2: 10, 3: 10 });
  assert.equal(second.choosers.size, 2);
  assert.equal(
    makeDecider(tableOf(web), loads, second).choosers.size,
    0,
    "what has no packet is let go",
  );
});

Deno.test("where nobody keeps the counts, what they say is not chosen by, and no limit is seen in them", () => {
  for (const scheduler of ["lc", "wlc", "rr"] as const) {
    const loads = new TestLoads({ 1: 1_000, 2: 5 });
    loads.isKept = false;
    const limited = backends(3).map((backend) => ({ ...backend, max_connections: 4 }));
    const choose = chooser(tableOf({ scheduler, backends: limited }), loads);
    const choices = tally(Array.from({ length: 300 }, (_, index) => choose({ sport: index + 1 })));
    assert.equal(Object.keys(choices).length, 3);
    assert.ok(Math.min(...Object.values(choices)) > 50, `${scheduler} ${JSON.stringify(choices)}`);
    assert.deepEqual(loads.taken, []);
  }
});
