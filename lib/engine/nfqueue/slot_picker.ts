import type { Family } from "../../model/address.ts";
import type { Headers } from "../../packet/headers.ts";
import { type SlotIndex, slotOfKey } from "../../scheduler/slots.ts";

const PORT_BYTES = 4;

/** How packets pick slots: what nft's `numgen` and `jhash` do in front of a slot map. */
export class SlotPicker {
  readonly #kind: SlotIndex["kind"];
  readonly #slots: number;
  readonly #random: () => number;
  readonly #address_bytes: number;
  /** What the kernel would hash; filled for each packet. */
  readonly #key: Uint8Array;
  readonly #seed: number;
  #turn: number;

  /**
   * @param slots how many there are, at least one
   * @param random from 0 up to 1, without it
   */
  constructor(index: SlotIndex, slots: number, family: Family, random: () => number) {
    this.#kind = index.kind;
    this.#slots = slots;
    this.#random = random;
    this.#address_bytes = family === 6 ? 16 : 4;
    const isByPort = index.kind === "hash" && index.fields.includes("sport");
    this.#key = new Uint8Array(this.#address_bytes + (isByPort ? PORT_BYTES : 0));
    this.#seed = index.kind === "hash" ? index.seed : 0;
    // Threads that began with the same turn would all send their first connection to the same backend.
    this.#turn = Math.floor(random() * slots);
  }

  slotOf(view: DataView, packet: Headers): number {
    if (this.#kind === "hash") return this.#hash(view, packet);
    if (this.#kind === "random") return Math.floor(this.#random() * this.#slots);
    return this.#turn = (this.#turn + 1) % this.#slots;
  }

  #hash(view: DataView, { source_at, source_port }: Headers): number {
    const key = this.#key;
    const port_at = this.#address_bytes;
    for (let at = 0; at < port_at; at++) key[at] = view.getUint8(source_at + at);
    if (key.length > port_at) {
      key[port_at] = source_port >>> 8;
      key[port_at + 1] = source_port & 0xff;
    }
    return slotOfKey(key, this.#seed, this.#slots);
  }
}
