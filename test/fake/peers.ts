/** Test equipment: other machines that do as they are told, and a clock that goes on only by waiting. */
import { KernelError } from "../../lib/model/error.ts";
import type { Peer, PeerSocket, PeersPort } from "../../lib/sys/ports.ts";

/** What a machine does with a socket to it. */
export interface Script {
  /** The errno with which it cannot be reached; "ETIMEDOUT" takes all the time there is. */
  readonly refuses?: string;
  /** What comes back to each thing sent, piece by piece; "silence", "end", or an errno. */
  readonly answer?: (sent: Uint8Array, turn: number) => readonly (Uint8Array | string)[];
  /** What comes before anything is sent, as in `answer`. */
  readonly greets?: readonly (Uint8Array | string)[];
  /** How long it takes to each piece. @default 0 */
  readonly delay_ms?: number;
}

/** By port. */
export class FakePeers implements PeersPort {
  readonly asked: Peer[] = [];
  readonly sent: Uint8Array[] = [];
  open = 0;
  open_max = 0;
  #now_ms = 0;
  readonly #scripts: Readonly<Record<number, Script>>;

  constructor(scripts: Readonly<Record<number, Script>>) {
    this.#scripts = scripts;
  }

  now_ms(): number {
    return this.#now_ms;
  }

  async tcp(peer: Peer, until_ms: number): Promise<PeerSocket> {
    const socket = this.#socket(peer);
    const { refuses } = this.#scripts[peer.port] ?? {};
    await Promise.resolve();
    if (refuses === undefined) return socket;
    socket.close();
    if (refuses === "ETIMEDOUT") this.pass(until_ms);
    throw failure(refuses);
  }

  udp(peer: Peer): PeerSocket {
    return this.#socket(peer);
  }

  icmp(peer: Peer): PeerSocket {
    return this.#socket(peer);
  }

  pass(until_ms: number): void {
    this.#now_ms = Math.max(this.#now_ms, until_ms);
  }

  #socket(peer: Peer): PeerSocket {
    this.asked.push(peer);
    this.open++;
    this.open_max = Math.max(this.open_max, this.open);
    const { answer, greets = [], delay_ms = 0 } = this.#scripts[peer.port] ?? {};
    const waiting = [...greets];
    let turn = 0;
    let isOpen = true;
    return {
      send: (bytes) => {
        this.sent.push(bytes);
        waiting.push(...answer?.(bytes, turn++) ?? []);
        return Promise.resolve();
      },
      receive: async (until_ms) => {
        await Promise.resolve();
        const next = waiting.shift() ?? "silence";
        const ready_ms = this.#now_ms + delay_ms;
        this.pass(Math.min(until_ms, next === "silence" ? Infinity : ready_ms));
        if (next === "silence" || ready_ms > until_ms) throw failure("ETIMEDOUT");
        if (next === "end") return undefined;
        if (typeof next === "string") throw failure(next);
        return new Uint8Array(next);
      },
      close: () => {
        if (isOpen) this.open--;
        isOpen = false;
      },
    };
  }
}

function failure(errno: string): KernelError {
  return new KernelError({ operation: "fake", object: "fake", errno, message: "told to fail" });
}
