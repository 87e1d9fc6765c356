import { QueueListener } from "../netlink/queue/listener.ts";
import { closeMessage, releaseMessage, unbindMessage } from "../netlink/queue/release.ts";
import type { QueueStatistics } from "../netlink/queue/statistics.ts";
import type { AdoptedSocketsPort, HeldSocket } from "../sys/ports.ts";
import { PATIENCE_MS } from "./protocol.ts";
import { WAITING_MAX } from "./queue_thread.ts";

/** Nobody who is well leaves packets waiting for so long, ms. */
const STALLED_MS = 300;

/** Tells that what is there is what waits: ids run on while it is looked at. */
type Waiting = Pick<QueueStatistics, "waiting" | "id_sequence">;

/** A queue of which we hold the socket, whoever reads from it. */
export class HeldQueue {
  readonly queue: number;
  readonly socket: HeldSocket;
  #answered = -1;
  #moved_ms = -Infinity;

  /** Of a queue that is bound to this socket. */
  constructor(queue: number, socket: HeldSocket) {
    this.queue = queue;
    this.socket = socket;
  }

  /** Binds the queue. @throws {KernelError} EPERM where somebody else has it */
  static bind(
    queue: number,
    socket: HeldSocket,
    sockets: AdoptedSocketsPort,
  ): HeldQueue {
    new QueueListener(
      { netlink: (_, options) => sockets.adopt(socket.fd, options) },
      { queue, length_max: WAITING_MAX, timeout_ms: PATIENCE_MS },
    );
    return new HeldQueue(queue, socket);
  }

  /** Lets all that waits go on as it is: the kernel chooses. @returns how much that was */
  release({ waiting, id_sequence }: Waiting): number {
    if (waiting > 0) this.socket.send(releaseMessage(this.queue, id_sequence));
    return waiting;
  }

  /** The same where nothing was answered for a while, though something waits. */
  releaseStalled(now: Waiting, now_ms: number): number {
    const answered = now.id_sequence - now.waiting;
    if (now.waiting === 0 || answered !== this.#answered) {
      this.#answered = answered;
      this.#moved_ms = now_ms;
    }
    return now_ms - this.#moved_ms < STALLED_MS ? 0 : this.release(now);
  }

  /**
   * Gives the queue up without a loss: what comes passes by before the last one that waits has gone.
   *
   * @param waiting reads what waits
   */
  giveUp(waiting: () => Waiting | undefined): void {
    this.socket.send(closeMessage(this.queue));
    const left = waiting();
    if (left) this.release(left);
    this.socket.send(unbindMessage(this.queue));
    this.socket.close();
  }
}
