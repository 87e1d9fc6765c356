import { errnoName } from "../../model/errno.ts";
import { KernelError } from "../../model/error.ts";
import type { BatchSocket, BatchSocketsPort } from "../../sys/ports.ts";
import { encodeMessage, NLM_F_ACK, NLM_F_REQUEST } from "../codec.ts";
import { NETLINK_NETFILTER, type Request } from "../request.ts";
import { bindRequest, COPY_BYTES, type QueueConfig } from "./config.ts";
import { NF_ACCEPT, NF_DROP } from "./protocol.ts";
import { type QueuedPacket, QueueReader } from "./reader.ts";
import { VerdictBatch } from "./verdict.ts";

/** What a {@linkcode Judge} says of a packet that is to be dropped: no mark, not even one with a sign, is this. */
export const DROP = 2 ** 32;

/**
 * Says what becomes of a packet: the mark with which it goes on, or {@linkcode DROP}. Its own mark leaves it as
 * it is. It must not throw: the packets behind it would not get a verdict.
 */
export type Judge = (packet: QueuedPacket) => number;

/** How a queue is listened to, and how long a {@linkcode QueueListener.serve} waits. */
export interface ListenerConfig extends QueueConfig {
  readonly timeout_ms: number;
  /** The socket has been bound to the queue before. @default false */
  readonly isBound?: boolean;
}

/** More than are there at once as a rule: what a wake-up costs is shared among so many packets at most. */
const BATCH = 64;

/**
 * To look for a second packet where there is none costs half a microsecond, of the six that one takes. While they
 * come alone, it is looked for once in so many turns.
 */
const LONE_TURNS = 8;

/** All attributes of a message but the payload, with room for those that newer kernels may add. */
const MESSAGE_BYTES = 384;

/** Verdicts have 0, so that what is refused tells whether it was the binding. */
const BIND_SEQUENCE = 1;

const ETIMEDOUT = 110;

/** The kernel has none of its own (nfqnl_recv_config(), nfnetlink_rcv_msg() of linux 6.18). */
const WORDS: Readonly<Record<string, string>> = {
  EPERM: "somebody else listens to it, or we may not",
  EINVAL: "this kernel has no queues (nfnetlink_queue)",
};

/** Listens to one queue: one system call reads up to 64 packets, another one sends their verdicts. */
export class QueueListener {
  readonly #socket: BatchSocket;
  readonly #reader: QueueReader;
  readonly #verdicts: VerdictBatch;
  /** Where packets are, from their `start` to their `end`: the same bytes again with each {@linkcode serve}. */
  readonly view: DataView;
  #bound: number | undefined;
  /** At first: while nobody listened, some may have come together. */
  #areMany = true;
  #turn = 0;
  /** Packets that were given verdicts. */
  packets = 0;
  /** Verdicts that the kernel refused: as a rule because the packet was gone, with its interface. */
  refused = 0;

  /**
   * Binds the queue. Packets that come in at once go on as they are.
   *
   * @throws {KernelError} EPERM also where somebody else listens to the queue
   */
  constructor(sockets: Pick<BatchSocketsPort, "netlink">, config: ListenerConfig) {
    const { queue, copy_bytes = COPY_BYTES, timeout_ms } = config;
    const datagram_bytes = copy_bytes + MESSAGE_BYTES;
    const options = { datagrams: BATCH, datagram_bytes, timeout_ms };
    this.#socket = sockets.netlink(NETLINK_NETFILTER, options);
    const { bytes } = this.#socket;
    this.#reader = new QueueReader(bytes);
    this.#verdicts = new VerdictBatch(queue, BATCH);
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    try {
      if (!config.isBound) this.#bind(bindRequest(config));
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /**
   * Waits for packets, for at most the time-out, and gives those that are there their verdicts.
   *
   * @returns how many messages there were: 0 after silence, and then only
   * @throws {KernelError}
   */
  serve(judge: Judge): number {
    const isLone = !this.#areMany && this.#turn++ % LONE_TURNS > 0;
    const datagrams = this.#socket.receive(true, isLone ? 1 : BATCH);
    if (!isLone) this.#areMany = datagrams > 1;
    for (let index = 0; index < datagrams; index++) this.#serveDatagram(index, judge);
    this.#send();
    return datagrams;
  }

  /** Packets that still wait are dropped by the kernel. */
  close(): void {
    this.#socket.close();
  }

  #serveDatagram(index: number, judge: Judge): void {
    const reader = this.#reader;
    reader.begin(index * this.#socket.stride_bytes, this.#socket.lengthOf(index));
    for (let kind = reader.next(); kind !== undefined; kind = reader.next()) {
      if (kind === "packet") this.#add(judge(reader));
      else if (kind === "answer") this.#hear();
    }
  }

  #add(mark: number): void {
    const { id } = this.#reader;
    this.packets++;
    if (mark === DROP) this.#verdicts.add(id, NF_DROP, this.#reader.mark);
    else this.#verdicts.add(id, NF_ACCEPT, mark);
    // As a rule one packet is in a datagram, but nothing says that it has to be.
    if (this.#verdicts.isFull) this.#send();
  }

  #send(): void {
    if (this.#verdicts.length === 0) return;
    this.#socket.send(this.#verdicts.bytes, this.#verdicts.length);
    this.#verdicts.clear();
  }

  #hear(): void {
    const { sequence, errno } = this.#reader;
    if (sequence === BIND_SEQUENCE) this.#bound = errno;
    else if (errno !== 0) this.refused++;
  }

  /** On another processor packets come in as soon as the queue is bound: before the acknowledgement. */
  #bind(request: Request): void {
    const flags = NLM_F_REQUEST | NLM_F_ACK;
    const message = encodeMessage({ ...request, flags, sequence: BIND_SEQUENCE });
    this.#socket.send(new Uint8Array(message), message.length);
    while (this.#bound === undefined) {
      if (this.serve(({ mark }) => mark) === 0) this.#bound = ETIMEDOUT;
    }
    if (this.#bound !== 0) throw refusal(request, errnoName(this.#bound));
  }
}

function refusal({ operation, object }: Request, errno: string): KernelError {
  const message = WORDS[errno] ?? "the kernel gave no reason";
  return new KernelError({ operation, object, errno, message });
}
