import { type Call, peerOf } from "./call.ts";
import { ask } from "./ask.ts";
import { inTime, isLate, Unwell } from "./failure.ts";
import { holds } from "./text.ts";

/** Not empty: many a server takes an empty datagram for the end. */
const GREETING = Uint8Array.of(0x0a);

/**
 * Well unless the backend or a router says that nobody is there (ICMP unreachable): a service that is not
 * asked in its own language may well stay silent. With `body`, it has to answer, and that must be in it.
 */
export async function checkUdp(call: Call): Promise<void> {
  const { health: { body }, ports: { peers }, until_ms } = call;
  const socket = peers.udp(peerOf(call));
  try {
    const answer = await ask(socket, GREETING, (datagram) => datagram, { peers, until_ms });
    if (body === undefined || holds(answer, body)) return;
    throw new Unwell(`its answer does not contain ${JSON.stringify(body)}`);
  } catch (error) {
    if (body !== undefined || !isLate(error)) {
      return await inTime("no answer", Promise.reject(error));
    }
  } finally {
    socket.close();
  }
}
