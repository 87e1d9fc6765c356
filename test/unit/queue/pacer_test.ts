import assert from "node:assert/strict";
import { Pacer } from "../../../lib/queue/thread/pacer.ts";

/** Batches that come at a rate, on a clock of the test's. */
class Traffic {
  #now_ms = 1_000;
  #paused_ms = 0;
  readonly #pacer = new Pacer({
    now_ms: () => this.#now_ms,
    pause: (ms) => void (this.#paused_ms += ms),
  });

  /** How often a pause was made after so many batches. */
  pauses(batches: number, packets: number, per_second: number): number {
    let count = 0;
    for (let batch = 0; batch < batches; batch++) {
      this.#now_ms += packets / per_second * 1000;
      this.#paused_ms = 0;
      this.#pacer.rest(packets);
      if (this.#paused_ms > 0) count++;
      assert.ok(this.#paused_ms < 0.5, "nobody waits for long");
    }
    return count;
  }

  silence(): void {
    this.#pacer.rest(0);
  }
}

Deno.test("where packets come at 40,000 a second there is a pause after each few of them", () => {
  const traffic = new Traffic();
  traffic.pauses(128, 1, 40_000);
  assert.equal(traffic.pauses(100, 1, 40_000), 100);
  assert.equal(traffic.pauses(100, 8, 40_000), 100);
});

Deno.test("at 4,000 a second nobody is kept waiting", () => {
  const traffic = new Traffic();
  assert.equal(traffic.pauses(10_000, 1, 4_000), 0);
  assert.equal(traffic.pauses(1_000, 10, 4_000), 0);
});

Deno.test("batches that are large as it is come without a pause, at any rate", () => {
  const traffic = new Traffic();
  assert.equal(traffic.pauses(1_000, 16, 1_000_000), 0);
  assert.equal(traffic.pauses(1_000, 64, 1_000_000), 0);
});

Deno.test("after silence, or when they come slowly again, the pauses are over", () => {
  const traffic = new Traffic();
  traffic.pauses(128, 1, 40_000);
  traffic.silence();
  assert.equal(traffic.pauses(1, 1, 1_000), 0);
  traffic.pauses(128, 1, 40_000);
  assert.ok(traffic.pauses(200, 1, 1_000) < 64);
  assert.equal(traffic.pauses(200, 1, 1_000), 0);
});
