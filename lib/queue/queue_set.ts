import type { Estate } from "../kernel/worker_identity.ts";
import type { QueueRange } from "../model/queue.ts";
import type { WorkerQueue } from "../model/worker.ts";
import { type QueueStatistics, queueStatistics } from "../netlink/queue/statistics.ts";
import { NETLINK_NETFILTER } from "../netlink/request.ts";
import type { AdoptedSocketsPort, FilesPort, HeldSocket, HeldSocketsPort } from "../sys/ports.ts";
import { HeldQueue } from "./held_queue.ts";
import type { BoundQueue } from "./protocol.ts";

/** What queues are held with. */
export interface QueuePorts {
  readonly files: Pick<FilesPort, "read">;
  readonly heldSockets: HeldSocketsPort;
  readonly batchSockets: AdoptedSocketsPort;
}

/** The queues of this worker, whose sockets the supervisor holds while workers come and go. */
export class QueueSet {
  readonly #ports: QueuePorts;
  readonly #queues = new Map<number, HeldQueue>();
  /** Packets that were given to the kernel since. */
  released = 0;

  constructor(ports: QueuePorts) {
    this.#ports = ports;
  }

  get bound(): BoundQueue[] {
    return [...this.#queues.values()].map(({ queue, socket }) => ({ queue, fd: socket.fd }));
  }

  /** For a successor. */
  get estate(): Estate["sockets"] {
    return Array.from(
      this.#queues,
      ([queue, { socket: { fd, name } }]) => ({ queue, fd, name }),
    );
  }

  /** Takes a queue whose socket we were given. */
  adopt(queue: number, socket: HeldSocket): void {
    this.#queues.set(queue, new HeldQueue(queue, socket));
  }

  /** Binds those of the range that are not held yet. @throws {KernelError} EPERM where somebody has one */
  bind({ first, count }: QueueRange): void {
    const { heldSockets, batchSockets } = this.#ports;
    for (let queue = first; queue < first + count; queue++) {
      if (this.#queues.has(queue)) continue;
      const socket = heldSockets.netlink(NETLINK_NETFILTER);
      try {
        this.#queues.set(queue, HeldQueue.bind(queue, socket, batchSockets));
      } catch (error) {
        socket.close();
        throw error;
      }
    }
  }

  /** Whether all of the range are held, and no others. */
  isJust({ first, count }: QueueRange): boolean {
    const numbers = [...this.#queues.keys()];
    return numbers.length === count && numbers.every((one) => one >= first && one < first + count);
  }

  /** Gives up those that are outside of the range; all of them without one. */
  giveUp({ first, count }: QueueRange = { first: 0, count: 0 }): void {
    for (const [queue, held] of this.#queues) {
      if (queue >= first && queue < first + count) continue;
      held.giveUp(() => this.#statistics().get(queue));
      this.#queues.delete(queue);
    }
  }

  /** Lets go of the sockets; whoever has taken them has the queues now. */
  leave(): void {
    for (const { socket } of this.#queues.values()) socket.close();
    this.#queues.clear();
  }

  /** Nobody reads: all that waits goes on, and what would be read of it later is thrown away. */
  releaseAll(): void {
    this.#release((held, now) => {
      held.socket.discard();
      return held.release(now);
    });
  }

  /** Somebody reads: what has waited for too long goes on. */
  releaseOld(now_ms: number): void {
    this.#release((held, now) => held.releaseOld(now, now_ms));
  }

  /** What the kernel counts of them. */
  status(): WorkerQueue[] {
    const statistics = this.#statistics();
    return [...this.#queues.keys()].sort((a, b) => a - b).flatMap((queue) => {
      const { waiting, dropped_full, dropped_user, id_sequence } = statistics.get(queue) ?? {};
      if (waiting === undefined) return [];
      return [{ queue, waiting, dropped_full, dropped_user, packets: id_sequence } as WorkerQueue];
    });
  }

  #release(act: (held: HeldQueue, now: QueueStatistics) => number): void {
    for (const now of this.#statistics().values()) {
      const held = this.#queues.get(now.queue);
      if (held) this.released += act(held, now);
    }
  }

  #statistics(): Map<number, QueueStatistics> {
    const all = queueStatistics(this.#ports.files) ?? [];
    return new Map(all.map((one) => [one.queue, one]));
  }
}
