import { dumpRequest } from "../../netlink/conntrack/dump.ts";
import { NETLINK_NETFILTER, NetlinkConnection } from "../../netlink/request.ts";
import type { RawSocket, SocketsPort } from "../../sys/ports.ts";
import { FlowTable } from "./flow_table.ts";

/** What is done with what is read. */
export interface Reader {
  /** Called before the first entry, and where all has to be read again. */
  begin(): void;
  /** Puts the entry of this message into the table, if it belongs there. */
  add(body: DataView, into: FlowTable): void;
}

/** All conntrack entries, read a few at a time: of a million the kernel tells for seconds. */
export class Reading {
  readonly #socket: RawSocket;
  readonly #steps: Generator<void, FlowTable>;

  /** @throws {KernelError} */
  constructor(sockets: SocketsPort, reader: Reader) {
    this.#socket = sockets.netlink(NETLINK_NETFILTER);
    this.#steps = new NetlinkConnection(this.#socket).dumpSteps(
      dumpRequest({}),
      () => {
        reader.begin();
        return new FlowTable();
      },
      (table, { body }) => reader.add(body, table),
    );
  }

  /**
   * Reads as many entries.
   *
   * @returns all that were put into the table, when there are no more; it is not called again then
   * @throws {KernelError}
   */
  step(entries: number): FlowTable | undefined {
    for (let count = 0; count < entries; count++) {
      const step = this.#steps.next();
      if (step.done) return step.value;
    }
  }

  close(): void {
    this.#socket.close();
  }
}
