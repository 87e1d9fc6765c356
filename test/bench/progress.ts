/** Tells on stderr how far a long run is. */
export class Progress {
  readonly #began_ms = performance.now();
  readonly #planned_s: number;
  #done_s = 0;

  /** @param planned_s what all steps together are thought to take, as `step` will say of each */
  constructor(planned_s: number) {
    this.#planned_s = planned_s;
  }

  /** A step has ended that was thought to take `planned_s`. */
  step(planned_s: number, text: string): void {
    this.#done_s += planned_s;
    const spent_s = (performance.now() - this.#began_ms) / 1000;
    console.error(`${text.padEnd(72)} ${leftText(this.#done_s, this.#planned_s, spent_s)}`);
  }

  say(text: string): void {
    console.error(text);
  }
}

/** Time left if the rest is as slow as what is done. Pure. */
export function leftText(done_s: number, planned_s: number, spent_s: number): string {
  const left_s = Math.max(0, planned_s - done_s) * (spent_s / done_s);
  if (left_s < 100) return `${Math.round(left_s)} s left`;
  return `${Math.round(left_s / 60)} min left`;
}
