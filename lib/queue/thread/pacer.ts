/** More in a millisecond than this, and the next few are there in a moment. */
const DENSE_PER_MS = 5;

/** So many share what a wake-up and two system calls cost: more would gain little. */
const BATCH_ENOUGH = 16;

/** By so many packets it is told how fast they come. */
const WINDOW_PACKETS = 64;

/**
 * Network cards that coalesce interrupts let packets wait about as long. Of nfqlb's connections a second and processor
 * time per SYN, 0.4 ms came to 0.97 and 0.58, 0.25 ms to 0.99 and 0.81, this to 1.00 to 1.02 and 0.86 to 0.90, none
 * to 1.03 and 1.07; 0.1 ms cost more than it saved (linux 6.18, test/bench/queue).
 */
const PAUSE_MS = 0.2;

/** What a pacer works with. */
export interface PacerPorts {
  now_ms(): number;
  /** Stops the thread for so long. */
  pause(ms: number): void;
}

/**
 * To be woken for a packet costs more than to choose for it: where many come, a moment's pause after each few of
 * them saves a fifth of all. Below
 * {@linkcode DENSE_PER_MS} few would come together, and nobody is kept waiting.
 */
export class Pacer {
  readonly #ports: PacerPorts;
  #count = 0;
  #since_ms = -Infinity;
  #isDense = false;

  constructor(ports: PacerPorts) {
    this.#ports = ports;
  }

  /** Rests where that pays. @param packets that have just been there together; none after silence */
  rest(packets: number): void {
    this.#count += packets;
    if (packets === 0) this.#isDense = false;
    if (this.#count >= WINDOW_PACKETS) this.#look();
    if (this.#isDense && packets < BATCH_ENOUGH) this.#ports.pause(PAUSE_MS);
  }

  #look(): void {
    const now_ms = this.#ports.now_ms();
    this.#isDense = this.#count > (now_ms - this.#since_ms) * DENSE_PER_MS;
    this.#since_ms = now_ms;
    this.#count = 0;
  }
}
