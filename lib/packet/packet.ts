import type { Headers, PacketKind } from "./headers.ts";
import { readIp } from "./ip.ts";
import { readQuotedTransport, readTransport } from "./transport.ts";

/** The headers of a packet, and of the one that it quotes. */
export interface Packet extends Headers {
  readonly quoted: Headers;
}

/** A packet to be filled, again and again, by {@linkcode parsePacket}. */
export function newPacket(): Packet {
  return { ...newHeaders(), quoted: newHeaders() };
}

function newHeaders(): Headers {
  return {
    ...{ family: 4, source_at: 0, destination_at: 0, protocol: 0, transport_at: 0, end_at: 0 },
    ...{ source_port: 0, destination_port: 0, tcp_flags: 0 },
  };
}

/**
 * Reads the headers of the IP packet that lies in these bytes from `start` to `end`. Nothing outside of them is
 * read, nothing is thrown and no object made, whatever they hold. What the kernel has checked before it queues a
 * packet (ip_rcv_core(), ip6_rcv_core()), as the header's checksum, is not checked again.
 *
 * @param into gets the headers, as far as the returned kind promises them; the rest may be an earlier packet's
 */
export function parsePacket(view: DataView, start: number, end: number, into: Packet): PacketKind {
  const network = readIp(view, start, end, into);
  if (network !== "flow") return network;
  const transport = readTransport(view, into);
  if (transport !== "icmp_error") return transport;
  return readQuoted(view, into.transport_at + ICMP_ERROR_BYTES, into);
}

/** Type, code, checksum, and four bytes that depend on the type (RFC 792, RFC 4443). */
const ICMP_ERROR_BYTES = 8;

/** A later fragment is never quoted (RFC 1122, section 3.2.2), nor a packet of the other IP version. */
function readQuoted(view: DataView, at: number, { family, end_at, quoted }: Packet): PacketKind {
  const network = readIp(view, at, end_at, quoted);
  if (network === "truncated") return network;
  if (network !== "flow" || quoted.family !== family) return "malformed";
  const transport = readQuotedTransport(view, quoted);
  return transport === "flow" ? "icmp_error" : transport;
}
