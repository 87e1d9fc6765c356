/** A run of queue numbers: `count` of them from `first` on, a thread of the worker each. */
export interface QueueRange {
  readonly first: number;
  readonly count: number;
}

/** "lb" as a number: queues count from 0 where people give them by hand. */
const FIRST = 0x6c62;

/** One thread chooses for more connections a second than a machine's other processors could serve. */
const COUNT_MAX = 4;

/** Whether a queue is of lb's. */
export function isOurs(queue: number): boolean {
  return queue >= FIRST && queue < FIRST + COUNT_MAX;
}

/** The queues of this machine, by the processors it has. */
export function queueRange(processors: number): QueueRange {
  return { first: FIRST, count: Math.max(1, Math.min(COUNT_MAX, processors >> 1)) };
}
