import assert from "node:assert/strict";
import fc from "fast-check";
import { ExpectedChoices } from "../../../../lib/engine/nfqueue/expected.ts";
import { newSharedLoads, ThreadLoads } from "../../../../lib/engine/nfqueue/shared_loads.ts";
import { Tally } from "../../../../lib/engine/nfqueue/tally.ts";
import { LAYOUT } from "./rig.ts";

const PLACES = 8;

/** The same, of objects: what is told to be gone, in order. */
class Model {
  readonly gone: number[] = [];
  /** Places in order; what is settled has none of its own until it is the oldest. */
  #places: ({ flow: number; id: number; until_ms: number } | undefined)[] = [];

  add(flow: number, id: number, until_ms: number): void {
    this.settle(flow);
    if (this.#places.length === PLACES) this.#giveUp();
    this.#places.push({ flow, id, until_ms });
  }

  settle(flow: number): void {
    const place = this.#places.findIndex((one) => one?.flow === flow);
    if (place < 0) return;
    this.gone.push(this.#places[place]!.id);
    this.#places[place] = undefined;
  }

  expire(now_ms: number): void {
    while (this.#places.length > 0 && !(this.#places[0] && this.#places[0].until_ms > now_ms)) {
      this.#giveUp();
    }
  }

  #giveUp(): void {
    const one = this.#places.shift();
    if (one) this.gone.push(one.id);
  }
}

Deno.test("each choice is gone once: when it is settled, its time is over, or it is the oldest of too many", () => {
  // Some flows have the same chain.
  const flow = fc.constantFrom(1, 2, 3, 4, 9, 17, 0x8000_0001, 0xffff_fff8, 0xffff_ffff);
  const change = fc.tuple(fc.nat(5), flow, fc.nat(3));
  fc.assert(
    fc.property(fc.array(change, { maxLength: 300 }), (changes) => {
      const gone: number[] = [];
      const expected = new ExpectedChoices((id) => gone.push(id), PLACES);
      const model = new Model();
      let now_ms = 0.5;
      for (const [turn, [what, flow, ms]] of changes.entries()) {
        now_ms += ms;
        for (const each of [expected, model]) {
          if (what < 4) each.add(flow, turn + 1, now_ms + 10);
          else if (what === 4) each.settle(flow);
          else each.expire(now_ms);
        }
        assert.deepEqual(gone, model.gone);
      }
    }),
    { numRuns: 300 },
  );
});

/** Chooses for so many flows; they are heard before their ring is full. */
function flood(loads: ThreadLoads, tally: Tally, flows: number): void {
  for (let flow = 0; flow < flows; flow++) {
    assert.ok(loads.take(1, loads.activeOf(1), flow));
    if (flow % 8192 === 8191) tally.hear(0);
  }
}

Deno.test("of a flood the last 262,144 choices count; one given up for them counts if it comes to be after all", () => {
  const shared = newSharedLoads(LAYOUT, 1);
  const [loads, tally] = [new ThreadLoads(shared, 0), new Tally(shared)];
  flood(loads, tally, 40 * 8192);
  assert.equal(loads.activeOf(1), 262_144);
  tally.set(7, 0, 1);
  assert.equal(loads.activeOf(1), 262_145, "the first one's choice was given up");
  tally.set(8, 40 * 8192 - 1, 1);
  assert.equal(loads.activeOf(1), 262_145, "the last one's entry takes the place of its choice");
  tally.expire(2_999);
  assert.equal(loads.activeOf(1), 262_145);
  tally.expire(3_000);
  assert.equal(loads.activeOf(1), 2);
});
