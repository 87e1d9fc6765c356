import { concat } from "../model/bytes.ts";
import { isRefusal, KernelError } from "../model/error.ts";
import type { RawSocket, SocketsPort } from "../sys/ports.ts";
import type { AttributeWriter } from "./attribute_writer.ts";
import {
  DecodeError,
  encodeMessage,
  type Message,
  NLM_F_ACK,
  NLM_F_DUMP,
  NLM_F_DUMP_INTR,
  NLM_F_REQUEST,
  NLMSG_DONE,
  NLMSG_ERROR,
  readEnding,
  readMessages,
} from "./codec.ts";

/** NETLINK_ROUTE and NETLINK_NETFILTER of linux/netlink.h. */
export const NETLINK_ROUTE = 0;
export const NETLINK_NETFILTER = 12;

/** A table that keeps changing is given up on: the caller's next pass sees it again. */
const DUMPS_MAX = 30;

/** Replies to somebody's earlier request; on a socket of our own there are none. */
const STRAY_MESSAGES_MAX = 1_000;

/** Something asked of the kernel. `operation` and `object` name it in errors. */
export interface Request {
  readonly operation: string;
  readonly object: string;
  readonly type: number;
  /** Beside NLM_F_REQUEST and those the kind of exchange needs. */
  readonly flags?: number;
  /** The family's own header. */
  readonly header: Uint8Array;
  readonly attributes?: (writer: AttributeWriter) => void;
}

/** Opens a netlink socket for the time of `use`. */
export function withNetlink<Result>(
  sockets: SocketsPort,
  protocol: number,
  use: (connection: NetlinkConnection) => Result,
): Result {
  const socket = sockets.netlink(protocol);
  try {
    return use(new NetlinkConnection(socket));
  } finally {
    socket.close();
  }
}

/** Requests and their replies over one socket, one after the other. */
export class NetlinkConnection {
  readonly #socket: RawSocket;
  #sequence = 0;

  constructor(socket: RawSocket) {
    this.#socket = socket;
  }

  /**
   * Sends a request and waits for its acknowledgement.
   *
   * @param visit gets each message the kernel answers before it
   * @throws {KernelError} with the errno and the kernel's own words
   * @throws {DecodeError}
   */
  transact(request: Request, visit: (message: Message) => void = () => {}): void {
    this.#send(request, NLM_F_ACK);
    for (const message of this.#answersTo(request)) if (!isEnding(message)) visit(message);
  }

  /**
   * The same where some refusals are an answer.
   *
   * @param errnos by which the kernel says so
   * @returns false where it refused by one of them
   * @throws {KernelError} with any other errno
   * @throws {DecodeError}
   */
  transactUnless(
    errnos: readonly string[],
    request: Request,
    visit: (message: Message) => void = () => {},
  ): boolean {
    try {
      this.transact(request, visit);
      return true;
    } catch (error) {
      if (isRefusal(error, errnos)) return false;
      throw error;
    }
  }

  /**
   * Reads a whole table. Where it changed meanwhile (NLM_F_DUMP_INTR), begins again.
   *
   * @param begin makes an empty result
   * @param visit puts one message into the result
   * @throws {KernelError} with the errno; EINTR where the table kept changing
   * @throws {DecodeError}
   */
  dump<Result>(
    request: Request,
    begin: () => Result,
    visit: (result: Result, message: Message) => void,
  ): Result {
    const steps = this.dumpSteps(request, begin, visit);
    for (;;) {
      const step = steps.next();
      if (step.done) return step.value;
    }
  }

  /**
   * The same one message at a time, for who has other things to do meanwhile: nothing else may be asked over
   * this connection until it has come to its end.
   */
  *dumpSteps<Result>(
    request: Request,
    begin: () => Result,
    visit: (result: Result, message: Message) => void,
  ): Generator<void, Result> {
    for (let attempt = 1; attempt <= DUMPS_MAX; attempt++) {
      const result = begin();
      let interrupted = false;
      this.#send(request, NLM_F_DUMP);
      for (const message of this.#answersTo(request)) {
        if (message.flags & NLM_F_DUMP_INTR) interrupted = true;
        if (isEnding(message)) continue;
        visit(result, message);
        yield;
      }
      if (!interrupted) return result;
    }
    throw refusal(request, "EINTR", `changed during each of ${DUMPS_MAX} dumps`);
  }

  /**
   * Sends requests as one transaction: the kernel carries out all of them or none. Only the last one that
   * does something is acknowledged, and each that is refused, once it is known how the whole has ended
   * (nfnetlink_rcv_batch).
   *
   * @param begin opens the transaction. What is wrong with the whole is said of it
   * @param end closes it
   * @throws {KernelError} for the first request that was refused; nothing was changed then
   * @throws {DecodeError}
   */
  transactAll(begin: Request, requests: readonly Request[], end: Request): void {
    const first = this.#sequence + 1;
    const sent = [begin, ...requests, end];
    const acknowledged = requests.length;
    const messages = sent.map((one, at) => this.#encode(one, at === acknowledged ? NLM_F_ACK : 0));
    this.#socket.send(concat(...messages));
    let refused: KernelError | undefined;
    for (const message of this.#answers(first)) {
      const at = message.sequence - first;
      if (!isEnding(message)) continue;
      const { errno, text } = readEnding(message);
      if (errno) refused ??= refusal(sent[at]!, errno, text ?? "the kernel gave no reason");
      if (at === acknowledged || (errno && at === 0)) break;
    }
    if (refused) throw refused;
  }

  #send(request: Request, flags: number): void {
    this.#socket.send(this.#encode(request, flags));
  }

  #encode({ type, flags = 0, header, attributes }: Request, more: number): Uint8Array {
    const sequence = ++this.#sequence;
    return encodeMessage({
      type,
      flags: NLM_F_REQUEST | flags | more,
      sequence,
      header,
      attributes,
    });
  }

  /** What comes in for it, its ending last. @throws {KernelError} where that is a refusal */
  *#answersTo(request: Request): Generator<Message> {
    for (const message of this.#answers()) {
      const isLast = isEnding(message);
      if (isLast) {
        const { errno, text } = readEnding(message);
        if (errno) throw refusal(request, errno, text ?? "the kernel gave no reason");
      }
      yield message;
      if (isLast) return;
    }
  }

  /** What comes in for the requests since that one, without end. */
  *#answers(first = this.#sequence): Generator<Message> {
    for (let strays = 0; strays <= STRAY_MESSAGES_MAX;) {
      for (const message of readMessages(this.#socket.receive())) {
        if (first <= message.sequence && message.sequence <= this.#sequence) yield message;
        else strays++;
      }
    }
    throw new DecodeError(`more than ${STRAY_MESSAGES_MAX} answers to other requests`);
  }
}

function isEnding({ type }: Message): boolean {
  return type === NLMSG_ERROR || type === NLMSG_DONE;
}

function refusal({ operation, object }: Request, errno: string, message: string): KernelError {
  return new KernelError({ operation, object, errno, message });
}
