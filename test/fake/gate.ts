/**
 * Test equipment: the way to every port of a fake machine, and to its database. Each call is written down,
 * and one of them can be made to go wrong: that is how a run is cut off at every moment there is.
 */

/** What is thrown where a run is cut off. Nothing in lb knows it. */
export class Crash extends Error {
  override readonly name = "Crash";
}

/** Whether an error is, or was caused by, a crash. */
export function isCrash(error: unknown): boolean {
  return error instanceof Crash || error instanceof Error && isCrash(error.cause);
}

/**
 * How a call goes wrong. `killed`: it is not done, and neither is anything after it, as with kill -9 or a
 * power cut. `refused`: it is not done and throws. `unheard`: it is done, but throws.
 */
export const FATES = ["killed", "refused", "unheard"] as const;
export type Fate = typeof FATES[number];

export class Gate {
  #calls: string[] = [];
  #fate: Fate | undefined;
  #at = -1;
  #isDown = false;

  /** Called before every call: to play somebody else who acts at that moment. */
  before: (call: string) => void = () => {};

  /** The calls since the last {@linkcode open}, in order. */
  get calls(): readonly string[] {
    return this.#calls;
  }

  /** From now on everything works, and is counted from 0. */
  open(): this {
    this.#calls = [];
    this.#fate = undefined;
    this.#at = -1;
    this.#isDown = false;
    return this;
  }

  /** The `at`-th call goes wrong, once. */
  spoil(at: number, fate: Fate): void {
    this.open();
    this.#at = at;
    this.#fate = fate;
  }

  /** Does `work`, unless it is its turn to go wrong. */
  pass<T>(call: string, work: () => T): T {
    if (this.#isDown) throw new Crash(`${call}: the program is dead`);
    const index = this.#calls.push(call) - 1;
    this.before(call);
    if (index !== this.#at) return work();
    if (this.#fate === "killed") this.#isDown = true;
    if (this.#fate === "unheard") work();
    throw new Crash(`${call}: ${this.#fate}`);
  }
}
