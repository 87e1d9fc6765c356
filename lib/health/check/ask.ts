import type { PeerSocket, PeersPort } from "../../sys/ports.ts";
import { isLate, Unwell } from "./failure.ts";

/** How often it is asked: a datagram may get lost. */
const TURNS = 3;

/** Somebody who sends without end must not keep us from the other backends. */
const STRAYS_MAX = 64;

/** How long there is to ask. */
export interface Term {
  readonly peers: Pick<PeersPort, "now_ms">;
  readonly until_ms: number;
}

/**
 * Asks by a datagram, again while no answer comes, and reads what comes back.
 *
 * @param read undefined of what is not the answer
 * @throws {KernelError} ETIMEDOUT where none comes
 * @throws {Unwell} where too much comes that is none
 */
export async function ask<Answer>(
  socket: PeerSocket,
  request: Uint8Array<ArrayBuffer>,
  read: (datagram: Uint8Array<ArrayBuffer>) => Answer | undefined,
  { peers, until_ms }: Term,
): Promise<Answer> {
  const turn_ms = (until_ms - peers.now_ms()) / TURNS;
  for (let left = TURNS - 1;; left--) {
    try {
      await socket.send(request, until_ms);
      return await hear(socket, read, until_ms - left * turn_ms);
    } catch (error) {
      if (left === 0 || !isLate(error)) throw error;
    }
  }
}

async function hear<Answer>(
  socket: PeerSocket,
  read: (datagram: Uint8Array<ArrayBuffer>) => Answer | undefined,
  until_ms: number,
): Promise<Answer> {
  for (let strays = 0; strays < STRAYS_MAX; strays++) {
    const datagram = await socket.receive(until_ms);
    const answer = datagram && read(datagram);
    if (answer !== undefined) return answer;
  }
  throw new Unwell("it answers something else than what was asked");
}
