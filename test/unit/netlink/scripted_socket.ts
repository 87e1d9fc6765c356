import { KernelError } from "../../../lib/model/error.ts";
import type { RawSocket, SocketsPort } from "../../../lib/sys/ports.ts";

/** Test equipment: sockets that answer with what the test wrote, and remember what they were sent. */
export class ScriptedSockets implements SocketsPort {
  readonly sent: Uint8Array[] = [];
  readonly protocols: number[] = [];
  readonly #answers: Uint8Array[];
  open = 0;

  constructor(...answers: Uint8Array[]) {
    this.#answers = answers;
  }

  netlink(protocol: number): RawSocket {
    this.protocols.push(protocol);
    this.open++;
    return {
      send: (bytes) => void this.sent.push(bytes),
      receive: () => this.#next(),
      close: () => void this.open--,
    };
  }

  packet(): RawSocket {
    throw new Error("this script has netlink sockets only");
  }

  #next(): Uint8Array {
    const answer = this.#answers.shift();
    if (answer) return answer;
    throw new KernelError({
      operation: "receive",
      object: "script",
      errno: "ETIMEDOUT",
      message: "at its end",
    });
  }
}
