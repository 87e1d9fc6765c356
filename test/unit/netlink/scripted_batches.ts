import { concat } from "../../../lib/model/bytes.ts";
import type { BatchOptions, BatchSocket, BatchSocketsPort } from "../../../lib/sys/ports.ts";

/** Test equipment: a socket that hands out batches which the test wrote, and remembers what it was sent. */
export class ScriptedBatches implements BatchSocketsPort {
  readonly sent: Uint8Array[] = [];
  /** How many datagrams were asked for, each time. */
  readonly asked: number[] = [];
  readonly #batches: (readonly Uint8Array[])[];
  options: BatchOptions | undefined;
  open = 0;

  /** @param batches none is left: the time-out, again and again */
  constructor(...batches: (readonly Uint8Array[])[]) {
    this.#batches = batches;
  }

  netlink(_protocol: number, options: BatchOptions): BatchSocket {
    this.options = options;
    this.open++;
    const stride_bytes = options.datagram_bytes;
    // What an earlier datagram left is there still: nobody may take it for this one's.
    const bytes = new Uint8Array(stride_bytes * options.datagrams).fill(0xa5);
    const lengths: number[] = [];
    return {
      ...{ stride_bytes, bytes },
      receive: (_waits, most = options.datagrams) => {
        this.asked.push(most);
        const there = this.#batches.shift() ?? [];
        const batch = there.slice(0, most);
        if (there.length > most) this.#batches.unshift(there.slice(most));
        for (const [index, datagram] of batch.entries()) {
          const kept = datagram.subarray(0, stride_bytes);
          bytes.set(kept, index * stride_bytes);
          lengths[index] = kept.length;
        }
        return batch.length;
      },
      lengthOf: (index) => lengths[index] ?? 0,
      send: (bytes, length) => void this.sent.push(concat(bytes.subarray(0, length))),
      close: () => void this.open--,
    };
  }
}
