import type { FilesPort } from "../../sys/ports.ts";

/** What the kernel counts of a queue that somebody listens to. Counters begin anew with each listener. */
export interface QueueStatistics {
  readonly queue: number;
  /** The listener's netlink port: mostly, but not always, its process id. */
  readonly peer_portid: number;
  /** Packets that wait for their verdict. */
  readonly waiting: number;
  /** 2 where packets are copied, and how much of each. */
  readonly copy_mode: number;
  readonly copy_bytes: number;
  /** Packets lost because the queue was full; none where it then lets them pass. */
  readonly dropped_full: number;
  /** Packets lost because the listener's socket had no room; none there, either. */
  readonly dropped_user: number;
  /** Packets that were queued so far, or were to be: those that passed a full socket count as well. */
  readonly id_sequence: number;
}

const PATH = "/proc/net/netfilter/nfnetlink_queue";

/** The last column is always 1 (seq_show(), net/netfilter/nfnetlink_queue.c of linux 6.18). */
const COLUMNS = 9;

/**
 * The queues of this network namespace that have a listener, by number. Only root may read them.
 *
 * @returns undefined where this kernel has no queues, or its module is not loaded
 */
export function queueStatistics(
  files: Pick<FilesPort, "read">,
): readonly QueueStatistics[] | undefined {
  return files.read(PATH)?.split("\n").flatMap((line) => {
    const numbers = line.trim().split(/\s+/).map(Number);
    return numbers.length === COLUMNS && numbers.every(Number.isInteger) ? [named(numbers)] : [];
  }).sort((a, b) => a.queue - b.queue);
}

function named(numbers: readonly number[]): QueueStatistics {
  const [queue, peer_portid, waiting, copy_mode, copy_bytes, dropped_full, dropped_user, id] =
    numbers as [number, number, number, number, number, number, number, number];
  return {
    ...{ queue, peer_portid, waiting, copy_mode, copy_bytes },
    ...{ dropped_full, dropped_user, id_sequence: id },
  };
}
