import { type Decider, makeDecider } from "../../engine/nfqueue/decide.ts";
import { type SharedLoads, ThreadLoads } from "../../engine/nfqueue/shared_loads.ts";
import type { QueueTable } from "../../engine/nfqueue/table.ts";
import { markOfId } from "../../model/mark.ts";
import { QueueListener } from "../../netlink/queue/listener.ts";
import type { QueuedPacket } from "../../netlink/queue/reader.ts";
import type { AdoptedSocketsPort } from "../../sys/ports.ts";
import { type BoundQueue, PATIENCE_MS, WAITING_MAX } from "../protocol.ts";
import { Counter } from "../counter.ts";

/** Chooses a backend for each packet of one queue. */
export class QueueThread {
  readonly counter = new Counter();
  readonly #listener: QueueListener;
  readonly #loads: ThreadLoads;
  #decider: Decider;
  #marks: QueueTable["marks"];

  constructor(
    sockets: AdoptedSocketsPort,
    { queue, fd }: BoundQueue,
    loads: { readonly shared: SharedLoads; readonly index: number },
    table: QueueTable,
  ) {
    this.#listener = new QueueListener(
      { netlink: (_, options) => sockets.adopt(fd, options) },
      { queue, length_max: WAITING_MAX, timeout_ms: PATIENCE_MS, isBound: true },
    );
    this.#loads = new ThreadLoads(loads.shared, loads.index);
    this.#marks = table.marks;
    this.#decider = makeDecider(table, this.#loads);
  }

  /** The table that it chooses by. */
  get token(): string {
    return this.#decider.token;
  }

  /** Chooses by another table, of the same marks, from the next packet on. */
  choose(table: QueueTable): void {
    this.#decider = makeDecider(table, this.#loads, this.#decider);
  }

  /**
   * Waits for packets for {@linkcode PATIENCE_MS} at most, and gives those that are there their marks.
   *
   * @returns how many there were
   */
  step(): number {
    const before = this.#listener.packets;
    this.#listener.serve(this.#judge);
    const packets = this.#listener.packets - before;
    this.counter.seen += packets;
    return packets;
  }

  readonly #judge = (packet: QueuedPacket): number => {
    const id = this.#decider.choose(this.#listener.view, packet.start, packet.end);
    const others = packet.mark & ~this.#marks.mask;
    if (id === 0) {
      this.counter.left_to_kernel++;
      return others;
    }
    this.counter.choose(id);
    return others | markOfId(this.#marks, id);
  };
}
