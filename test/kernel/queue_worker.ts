/** Test equipment: the thread of queue_inside.ts that listens to one queue. */
import { DROP, QueueListener } from "../../lib/netlink/queue/listener.ts";
import { batchSockets } from "../../lib/sys/batch_socket.ts";
import type { QueueResult, QueueSpec, SeenPacket } from "./queue_spec.ts";

/** What the first thread hands over. */
export interface QueueTask {
  readonly queue: number;
  readonly spec: QueueSpec;
  /** One number: 0 until everything is to end. */
  readonly end: Int32Array;
}

const SEEN_MAX = 16;
const TIMEOUT_MS = 100;

/** The part of a worker's global scope that is used here. */
const scope = globalThis as unknown as {
  addEventListener(type: "message", listener: (event: MessageEvent<QueueTask>) => void): void;
  postMessage(message: "ready" | QueueResult): void;
};

scope.addEventListener("message", ({ data: { queue, spec, end } }) => {
  const { length_max, flags, mark = DROP, isHeld } = spec;
  const listener = new QueueListener(batchSockets, {
    queue,
    length_max,
    flags,
    timeout_ms: TIMEOUT_MS,
  });
  const first: SeenPacket[] = [];
  scope.postMessage("ready");
  if (isHeld) Atomics.wait(end, 0, 0);
  for (let isLast = false, served = 0; !isLast || served > 0;) {
    // Looked at first: what waits when the end comes is there already, and read before the next silence.
    isLast = Atomics.load(end, 0) !== 0;
    served = listener.serve((packet) => {
      if (first.length < SEEN_MAX) first.push(seen(listener, packet));
      return mark;
    });
  }
  const { packets, refused } = listener;
  scope.postMessage({ queue, packets, refused, first });
  listener.close();
});

function seen(
  { view }: QueueListener,
  { start, end, length, hook, hw_protocol, mark, ifindex }: Parameters<
    Parameters<QueueListener["serve"]>[0]
  >[0],
): SeenPacket {
  const bytes = new Uint8Array(view.buffer as ArrayBuffer, start, end - start).toHex();
  return { bytes, length, hook, hw_protocol, mark, ifindex };
}
