import { QueueListener } from "../netlink/queue/listener.ts";
import { closeMessage, releaseMessage, unbindMessage } from "../netlink/queue/release.ts";
import type { QueueStatistics } from "../netlink/queue/statistics.ts";
import type { AdoptedSocketsPort, HeldSocket } from "../sys/ports.ts";
import { PATIENCE_MS, WAITING_MAX } from "./protocol.ts";

/** Nobody who is well leaves a packet waiting for so long, ms. */
const OLD_MS = 200;

/** Ids count around at 2^32. */
const IDS = 2 ** 32;

/** How much waits, and the number of the last packet that came. */
type Waiting = Pick<QueueStatistics, "waiting" | "id_sequence">;

/** A number that the last packet had at some time. */
interface Sample {
  readonly id: number;
  readonly at_ms: number;
}

/** A queue of which we hold the socket, whoever reads from it. */
export class HeldQueue {
  readonly queue: number;
  readonly socket: HeldSocket;
  /** Oldest first: the first is as old as a packet may get. */
  #samples: Sample[] = [];

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

  /**
   * The same for what has waited for too long, whoever has it: a worker that hangs, or one that is gone and had
   * read it already. Others are not touched.
   *
   * @returns how much that was, at least
   */
  releaseOld({ waiting, id_sequence }: Waiting, now_ms: number): number {
    const samples = this.#samples;
    samples.push({ id: id_sequence, at_ms: now_ms });
    while (samples.length > 1 && now_ms - samples[1]!.at_ms >= OLD_MS) samples.shift();
    const [{ id, at_ms }] = samples as [Sample];
    if (waiting === 0 || now_ms - at_ms < OLD_MS) return 0;
    this.socket.send(releaseMessage(this.queue, id));
    const younger = (id_sequence - id + IDS) % IDS;
    return Math.max(0, waiting - younger);
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
