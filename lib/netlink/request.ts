import { KernelError } from "../model/error.ts";
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
    this.#collect(request, visit);
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
    for (let attempt = 1; attempt <= DUMPS_MAX; attempt++) {
      const result = begin();
      this.#send(request, NLM_F_DUMP);
      const { interrupted } = this.#collect(request, (message) => visit(result, message));
      if (!interrupted) return result;
    }
    throw refusal(request, "EINTR", `changed during each of ${DUMPS_MAX} dumps`);
  }

  #send(request: Request, flags: number): void {
    this.#sequence++;
    this.#socket.send(encodeMessage({
      type: request.type,
      flags: NLM_F_REQUEST | flags | (request.flags ?? 0),
      sequence: this.#sequence,
      header: request.header,
      attributes: request.attributes,
    }));
  }

  #collect(request: Request, visit: (message: Message) => void): { interrupted: boolean } {
    let interrupted = false;
    for (const message of this.#answers()) {
      if (message.flags & NLM_F_DUMP_INTR) interrupted = true;
      if (isEnding(message)) {
        const { errno, text } = readEnding(message);
        if (errno) throw refusal(request, errno, text ?? "the kernel gave no reason");
        break;
      }
      visit(message);
    }
    return { interrupted };
  }

  /** What comes in for the request sent last, without end. */
  *#answers(): Generator<Message> {
    for (let strays = 0; strays <= STRAY_MESSAGES_MAX;) {
      for (const message of readMessages(this.#socket.receive())) {
        if (message.sequence === this.#sequence) yield message;
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
