import assert from "node:assert/strict";
import fc from "fast-check";
import { flowHash } from "../../../../lib/engine/nfqueue/flow_hash.ts";
import { LiveCounts } from "../../../../lib/engine/nfqueue/live.ts";
import { newSharedLoads, ThreadLoads } from "../../../../lib/engine/nfqueue/shared_loads.ts";
import { newPacket, parsePacket } from "../../../../lib/packet/packet.ts";
import { type Connection, ConntrackWorld } from "./conntrack_world.ts";
import { firstPacket, LAYOUT } from "./rig.ts";

const IDS = [1, 2, 3];

class Rig {
  readonly world: ConntrackWorld;
  readonly shared = newSharedLoads(LAYOUT, 2);
  readonly pauses: number[] = [];
  readonly threads = [0, 1].map((thread) => new ThreadLoads(this.shared, thread));
  #live: LiveCounts | undefined;

  constructor(room?: number) {
    this.world = new ConntrackWorld(room);
  }

  get live(): LiveCounts {
    return this.#live ??= new LiveCounts(
      {
        batchSockets: this.world,
        sockets: this.world,
        now_ms: () => this.world.now_ms,
        pause: (ms) => void this.pauses.push(ms),
      },
      LAYOUT,
      this.shared,
      { timeout_ms: 10 },
    );
  }

  /** A queue thread's choice for the flow from this port. */
  choose(sport: number, id: number, thread = 0): void {
    const loads = this.threads[thread]!;
    const { view, start, end } = firstPacket({ sport });
    const packet = newPacket();
    parsePacket(view, start, end, packet);
    const flow = flowHash(view, packet, 4, loads.seed);
    assert.ok(loads.take(id, loads.activeOf(id), flow));
  }

  /** Time goes on, and what is due then is done. */
  step(ms = 10): void {
    this.world.now_ms += ms;
    const { dumps } = this.world;
    // Entries are read a few at a time, and reading begins with what comes after it was found to be due.
    for (let times = 0; times < 2 || !this.live.isReady || this.world.open > 1; times++) {
      assert.ok(times < 100 && this.world.dumps <= dumps + 2);
      this.live.step();
    }
  }

  get counts(): number[] {
    return IDS.map((id) => this.threads[0]!.activeOf(id));
  }

  get truth(): number[] {
    return IDS.map((id) => this.world.activeOf(id));
  }
}

Deno.test("counts begin with the entries that are there, without those that are over or nobody's", () => {
  const rig = new Rig();
  rig.world.begin(1000, 1, "ESTABLISHED");
  rig.world.begin(1001, 1, "TIME_WAIT");
  rig.world.begin(1002, 2);
  rig.world.begin(1003, 0, "ESTABLISHED");
  rig.step();
  assert.deepEqual(rig.counts, [1, 1, 0]);
  rig.live.close();
  assert.equal(rig.world.open, 0);
});

Deno.test("connections are counted from their first packet until both ends have closed", () => {
  const rig = new Rig();
  rig.step(0);
  const connection = rig.world.begin(1000, 2);
  rig.step();
  assert.deepEqual(rig.counts, [0, 1, 0]);
  for (const state of ["ESTABLISHED", "FIN_WAIT"] as const) rig.world.change(connection, state);
  rig.step();
  assert.deepEqual(rig.counts, [0, 1, 0]);
  rig.world.change(connection, "TIME_WAIT");
  rig.step();
  assert.deepEqual(rig.counts, [0, 0, 0]);
  rig.world.end(connection);
  rig.step();
  assert.deepEqual(rig.counts, [0, 0, 0]);
});

Deno.test("a choice counts at once, and once: its entry takes its place", () => {
  const rig = new Rig();
  rig.step(0);
  rig.choose(1000, 1);
  rig.choose(1001, 1, 1);
  assert.deepEqual(rig.counts, [2, 0, 0]);
  rig.world.begin(1000, 1);
  rig.step();
  assert.deepEqual(rig.counts, [2, 0, 0]);
  rig.step(3_000);
  assert.deepEqual(rig.counts, [1, 0, 0], "of the other nothing has come");
});

Deno.test("where the kernel sends a connection elsewhere, it counts there and not where it was chosen for", () => {
  const rig = new Rig();
  rig.step(0);
  rig.choose(1000, 1);
  rig.choose(1001, 2);
  rig.world.begin(1000, 3);
  rig.world.begin(1001, 0);
  rig.step();
  assert.deepEqual(rig.counts, [0, 0, 1]);
  rig.step(3_000);
  assert.deepEqual(rig.counts, [0, 0, 1]);
});

Deno.test("a first packet that comes again counts once, for the last choice", () => {
  const rig = new Rig();
  rig.step(0);
  rig.choose(1000, 1);
  rig.step(0);
  rig.step(2_000);
  rig.choose(1000, 2);
  rig.step(0);
  rig.step(2_000);
  assert.deepEqual(rig.counts, [0, 1, 0], "the second is two seconds old");
  rig.step(1_000);
  assert.deepEqual(rig.counts, [0, 0, 0]);
});

Deno.test("a change that does not tell the state brings nothing back, and a beginning need not tell it", () => {
  const rig = new Rig();
  rig.step(0);
  const connection = rig.world.begin(1000, 1, "untold");
  rig.step();
  assert.deepEqual(rig.counts, [1, 0, 0]);
  rig.world.change(connection, "untold");
  rig.step();
  assert.deepEqual(rig.counts, [1, 0, 0]);
  rig.world.change(connection, "TIME_WAIT");
  rig.world.change(connection, "untold");
  rig.step();
  assert.deepEqual(rig.counts, [0, 0, 0]);
});

Deno.test("a connection whose mark is changed counts where it says from then on", () => {
  const rig = new Rig();
  rig.step(0);
  const connection = rig.world.begin(1000, 1);
  connection.id = 3;
  rig.world.change(connection, "untold");
  rig.step();
  assert.deepEqual(rig.counts, [0, 0, 1]);
});

Deno.test("what got lost is read again, once all that was not lost has been counted", () => {
  const rig = new Rig(150);
  rig.step(0);
  // Their beginnings wait to be read, all of their ends are lost.
  const connections = Array.from({ length: 150 }, (_, index) => rig.world.begin(1000 + index, 1));
  for (const connection of connections.slice(30)) rig.world.end(connection);
  for (let times = 0; times < 3; times++) rig.step();
  assert.deepEqual(rig.counts, [30, 0, 0]);
  assert.equal(rig.live.events_lost, 1);
  rig.step();
  assert.equal(rig.world.dumps, 2, "once is enough");
});

Deno.test("a choice whose connection's beginning got lost counts once when it is read again", () => {
  const rig = new Rig(1);
  rig.step(0);
  rig.world.begin(999, 2);
  rig.choose(1000, 1);
  rig.world.begin(1000, 1);
  rig.step();
  assert.equal(rig.world.dumps, 2);
  assert.deepEqual(rig.counts, [1, 1, 0]);
});

Deno.test("what changes while entries are read is known from events: they are not undone by what was read", () => {
  const rig = new Rig();
  rig.world.begin(999, 3);
  rig.step(0);
  const early = Array.from({ length: 200 }, (_, index) => rig.world.begin(1000 + index, 1));
  // The last to be read end first, and the kernel is always a piece ahead.
  early.sort((one, other) => one.entry - other.entry);
  const ending = [...early];
  let sport = 2_000;
  rig.world.meanwhile = () => {
    for (const one of ending.splice(0, 5)) rig.world.end(one);
    const late = rig.world.begin(sport++, 2);
    if (sport % 2) rig.world.end(late);
  };
  rig.step(5_001);
  rig.world.meanwhile = () => {};
  for (let times = 0; times < 10; times++) rig.step();
  assert.equal(rig.world.dumps, 2);
  assert.deepEqual(rig.counts, rig.truth);
});

Deno.test("entries of before, which send no events, are looked for until none is left", () => {
  const rig = new Rig();
  const early = [1000, 1001].map((sport) => rig.world.begin(sport, 1));
  rig.step(0);
  const late = rig.world.begin(1002, 1);
  rig.world.end(early[0]!);
  rig.step(4_000);
  assert.deepEqual(rig.counts, [3, 0, 0], "nobody has told");
  rig.step(1_001);
  assert.deepEqual(rig.counts, [2, 0, 0]);
  rig.world.end(early[1]!);
  rig.step(5_001);
  assert.deepEqual(rig.counts, [1, 0, 0]);
  const { dumps } = rig.world;
  for (let times = 0; times < 10; times++) rig.step(5_001);
  assert.equal(rig.world.dumps, dumps, "of the last one its end will be told");
  rig.world.end(late);
  rig.step();
  assert.deepEqual(rig.counts, [0, 0, 0]);
});

Deno.test("under load events are looked at together: a pause follows those that left none waiting", () => {
  const rig = new Rig();
  rig.step(0);
  rig.live.step();
  assert.deepEqual(rig.pauses, []);
  for (let sport = 1000; sport < 1100; sport++) rig.world.begin(sport, 1);
  assert.equal(rig.live.step(), 64);
  assert.equal(rig.live.step(), 36);
  assert.deepEqual(rig.pauses, []);
  rig.live.step();
  rig.live.step();
  assert.deepEqual(rig.pauses, [1]);
});

/** One thing that happens: what, and numbers to choose by. */
type Happening = readonly [what: number, which: number, id: number];

/** Lets it happen; ports come up again and again, as those of a busy client do. */
function happen(rig: Rig, [what, which, id]: Happening): void {
  const { world } = rig;
  const there = [...world.connections.values()];
  const one: Connection | undefined = there[which % there.length];
  const sport = 1000 + which % 150;
  const isFree = there.every((other) => other.sport !== sport);
  if (what < 3 && isFree) {
    if (what > 0) rig.choose(sport, IDS[which % 3]!, which % 2);
    world.begin(sport, id);
  } else if (what === 3) rig.choose(sport, IDS[which % 3]!, which % 2);
  // What is over does not begin again: a new entry takes its place.
  else if (what === 4 && one?.state === "SYN_SENT") world.change(one, "ESTABLISHED");
  else if (what === 5 && one) world.change(one, which % 2 ? "TIME_WAIT" : "CLOSE");
  else if (what === 6 && one) world.end(one);
  else if (what === 7) rig.step(which % 20);
}

const HAPPENINGS: fc.Arbitrary<Happening[]> = fc.array(
  fc.tuple(fc.nat(7), fc.nat(10_000), fc.nat(3)),
  { maxLength: 300 },
);

Deno.test("whatever happens, also while entries are read and events get lost, counts come to be conntrack's", () => {
  fc.assert(
    fc.property(
      HAPPENINGS,
      HAPPENINGS,
      HAPPENINGS,
      fc.constantFrom(2, 5, 20, 1_000),
      (before, meanwhile, after, room) => {
        const rig = new Rig(room);
        for (const one of before) if (one[0] !== 7) happen(rig, one);
        const waiting = [...meanwhile];
        rig.world.meanwhile = () => {
          for (const one of waiting.splice(0, 4)) if (one[0] !== 7) happen(rig, one);
        };
        rig.step();
        for (const one of after) happen(rig, one);
        rig.world.meanwhile = () => {};
        // Choices of which nothing came are given up, what was lost is read, and so are those without events.
        for (let times = 0; times < 5; times++) rig.step(5_001);
        assert.deepEqual(rig.counts, rig.truth);
      },
    ),
    { numRuns: 300 },
  );
});

Deno.test("no count is ever below what is there and known", () => {
  fc.assert(
    fc.property(HAPPENINGS, (happenings) => {
      const rig = new Rig();
      rig.step(0);
      for (const one of happenings) {
        happen(rig, one);
        assert.ok(rig.counts.every((count) => count >= 0));
      }
    }),
    { numRuns: 100 },
  );
});
