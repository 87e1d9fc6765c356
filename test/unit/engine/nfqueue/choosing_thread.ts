/** Test equipment: a thread that chooses as fast as it can, as one of several of the worker's. */
import { makeDecider } from "../../../../lib/engine/nfqueue/decide.ts";
import { type SharedLoads, ThreadLoads } from "../../../../lib/engine/nfqueue/shared_loads.ts";
import type { QueueTable } from "../../../../lib/engine/nfqueue/table.ts";
import { firstPacket } from "./rig.ts";

export interface ChoosingOrder {
  readonly table: QueueTable;
  readonly shared: SharedLoads;
  readonly thread: number;
  readonly choices: number;
  /** Threads that are ready; all begin when it is as many as there are. */
  readonly ready: SharedArrayBuffer;
}

const scope = globalThis as unknown as {
  onmessage: (event: MessageEvent<ChoosingOrder>) => void;
  postMessage(left_to_kernel: number): void;
};

scope.onmessage = ({ data: { table, shared, thread, choices, ready } }) => {
  const decider = makeDecider(table, new ThreadLoads(shared, thread));
  const { view, start, end } = firstPacket();
  const waiting = new Int32Array(ready);
  Atomics.add(waiting, 0, 1);
  while (Atomics.load(waiting, 0) < shared.rings.length);
  let left_to_kernel = 0;
  for (let made = 0; made < choices; made++) {
    if (decider.choose(view, start, end) === 0) left_to_kernel++;
  }
  scope.postMessage(left_to_kernel);
};
