/** Of three seconds in which nothing comes of any, at 87,000 a second: 6 MB. */
const PLACES = 2 ** 18;

/**
 * Choices whose connections are not there yet, each flow's last one. A ring in the order in which they were made,
 * and a chain through it for each hash: nothing is allocated for a choice. Never grows: the oldest is given up. That
 * one is the least likely to become a connection yet, as a first packet does at its verdict or never; and where it
 * does, its event counts it all the same. To leave out the newest instead would hide each backend's load behind a
 * flood.
 */
export class ExpectedChoices {
  readonly #gone: (id: number) => void;
  readonly #mask: number;
  readonly #flows: Uint32Array;
  /** Of backends; 0 where the choice is settled, and only its place is not free yet. */
  readonly #ids: Int32Array;
  readonly #until_ms: Float64Array;
  /** Places plus 1, and 0 at a chain's end: of the first one for each hash, then of the next one after each place. */
  readonly #links: Int32Array;
  #oldest = 0;
  #length = 0;

  /**
   * @param gone told the backend's id of each choice that is kept no longer
   * @param places a power of two
   */
  constructor(gone: (id: number) => void, places = PLACES) {
    this.#gone = gone;
    this.#mask = places - 1;
    this.#flows = new Uint32Array(places);
    this.#ids = new Int32Array(places);
    this.#until_ms = new Float64Array(places);
    this.#links = new Int32Array(places * 2);
  }

  /**
   * @param flow its hash, unsigned
   * @param id above 0
   * @param until_ms never before that of an earlier one
   */
  add(flow: number, id: number, until_ms: number): void {
    this.settle(flow);
    if (this.#length > this.#mask) this.#giveUp();
    const place = this.#oldest + this.#length++ & this.#mask;
    const chain = flow & this.#mask;
    this.#flows[place] = flow;
    this.#ids[place] = id;
    this.#until_ms[place] = until_ms;
    this.#links[this.#after(place)] = this.#links[chain]!;
    this.#links[chain] = place + 1;
  }

  /** The flow's choice, if there is one, has become a connection, or another choice. */
  settle(flow: number): void {
    const links = this.#links;
    for (let at = flow & this.#mask; links[at] !== 0;) {
      const place = links[at]! - 1;
      if (this.#flows[place] === flow) {
        links[at] = links[this.#after(place)]!;
        return this.#free(place);
      }
      at = this.#after(place);
    }
  }

  /** Gives up those whose time is over. */
  expire(now_ms: number): void {
    while (this.#length > 0 && this.#until_ms[this.#oldest]! <= now_ms) this.#giveUp();
  }

  #after(place: number): number {
    return this.#mask + 1 + place;
  }

  /** The oldest, which may be settled already. */
  #giveUp(): void {
    if (this.#ids[this.#oldest] !== 0) this.settle(this.#flows[this.#oldest]!);
    this.#oldest = this.#oldest + 1 & this.#mask;
    this.#length--;
  }

  #free(place: number): void {
    const id = this.#ids[place]!;
    this.#ids[place] = 0;
    this.#gone(id);
  }
}
