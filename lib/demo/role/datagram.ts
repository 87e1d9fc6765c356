import { createSocket } from "node:dgram";
import type { Door, Source } from "./spec.ts";

/** What is asked, and from where. */
export interface AskOptions {
  readonly source?: Source;
  readonly timeout_ms: number;
  /** @default 1 */
  readonly bytes?: number;
}

/**
 * One datagram from a socket of its own, and the answer to it.
 *
 * @throws {Error} `timeout`; a refusal is not seen here, because Deno never connects such a socket
 */
export function ask(
  door: Door,
  { source, timeout_ms, bytes = 1 }: AskOptions,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = createSocket(door.address.includes(":") ? "udp6" : "udp4");
    const finish = (act: () => void) => {
      clearTimeout(timer);
      socket.close();
      act();
    };
    const fail = (error: Error) => finish(() => reject(error));
    const timer = setTimeout(() => fail(new Error("timeout")), timeout_ms);
    socket.once("error", fail);
    socket.on("message", (bytes, { address, port }) => {
      // Not connected, it hears everybody: an answer that was not translated back is none.
      if (address !== door.address || port !== door.port) return;
      finish(() => resolve(bytes.toString()));
    });
    socket.bind(source?.port ?? 0, source?.address, () => {
      socket.send("?".repeat(bytes), door.port, door.address, (error) => error && fail(error));
    });
  });
}

/** Answers every datagram to a port with the same text, until `stop`. Resolves when it listens. */
export function echo(
  hostname: string,
  port: number,
  text: string,
  stop: AbortSignal,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = createSocket(hostname.includes(":") ? "udp6" : "udp4");
    socket.on("error", reject);
    socket.on("message", (_, peer) => socket.send(text, peer.port, peer.address));
    socket.bind(port, hostname, () => resolve());
    stop.addEventListener("abort", () => socket.close());
  });
}
