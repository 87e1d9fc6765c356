import { concat } from "../../model/bytes.ts";
import { internetChecksum } from "../../packet/checksum.ts";
import { type Call, sourceOf } from "./call.ts";
import { ask } from "./ask.ts";
import { inTime } from "./failure.ts";

/** RFC 792 and RFC 4443. */
const ECHO = { 4: { request: 8, reply: 0 }, 6: { request: 128, reply: 129 } } as const;

const HEADER_BYTES = 8;
const TOKEN_BYTES = 16;

/** Well where an echo comes back. */
export async function checkIcmp(call: Call): Promise<void> {
  const { address, ports: { peers }, until_ms } = call;
  const socket = peers.icmp({ address, port: 0, source: sourceOf(call) });
  // Other programs of this machine ping, too, and a raw socket hears what comes back to them.
  const token = crypto.getRandomValues(new Uint8Array(TOKEN_BYTES));
  const { request, reply } = ECHO[address.family];
  const isOurs = (datagram: Uint8Array) => {
    const message = address.family === 4 ? behindHeader(datagram) : datagram;
    const rest = message.subarray(HEADER_BYTES);
    return message[0] === reply && rest.length === TOKEN_BYTES &&
        token.every((byte, index) => rest[index] === byte) || undefined;
  };
  try {
    await inTime(
      "no answer to a ping",
      ask(socket, echo(request, token), isOurs, { peers, until_ms }),
    );
  } finally {
    socket.close();
  }
}

/** Of ICMPv6 the kernel replaces the checksum: the source address is part of it. */
function echo(type: number, token: Uint8Array): Uint8Array<ArrayBuffer> {
  const message = concat([type, 0, 0, 0, token[0]!, token[1]!, 0, 1], token);
  new DataView(message.buffer).setUint16(2, internetChecksum(message));
  return message;
}

function behindHeader(datagram: Uint8Array): Uint8Array {
  return datagram.subarray(((datagram[0] ?? 0) & 0x0f) * 4);
}
