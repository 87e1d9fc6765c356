/** What queue_inside.ts is asked, and what it tells. Types only. */

/** Queues that are listened to, each by a thread. Ends when standard input does, and what waits has its verdict. */
export interface QueueSpec {
  readonly queues: readonly number[];
  readonly length_max: number;
  /** NFQA_CFG_F_*. @default as lib/netlink/queue has them */
  readonly flags?: number;
  /** What every packet gets; none: it is dropped. */
  readonly mark?: number;
  /** Nothing is read before standard input ends. */
  readonly isHeld?: boolean;
}

/** What came of one queue. */
export interface QueueResult {
  readonly queue: number;
  readonly packets: number;
  readonly refused: number;
  /** Of the first packets: what was copied, in hexadecimal, and what was told of it. */
  readonly first: readonly SeenPacket[];
}

export interface SeenPacket {
  readonly bytes: string;
  readonly length: number;
  readonly hook: number;
  readonly hw_protocol: number;
  readonly mark: number;
  readonly ifindex: number;
}
