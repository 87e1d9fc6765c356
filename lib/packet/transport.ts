/** What tells flows apart behind the IP header: ports, and ICMP errors about them. */
import type { Headers, PacketKind } from "./headers.ts";

/** What can be said of a packet that has a transport header. */
type TransportKind = Exclude<PacketKind, "fragment">;

const ICMP = 1;
const TCP = 6;
const UDP = 17;
const ICMPV6 = 58;
const SCTP = 132;

const TCP_BYTES_MIN = 20;
const TCP_WORDS_MIN = 5;
const UDP_BYTES = 8;
const SCTP_BYTES = 12;
const ICMP_BYTES = 8;

/** Of an IPv4 packet an error may quote as little as 8 bytes behind its header (RFC 792): the ports are in them. */
const PORTS_BYTES = 4;

/** Unreachable, source quench, redirect, time exceeded, bad parameter: those that conntrack relates (linux 6.18). */
const ICMP_ERRORS = 1 << 3 | 1 << 4 | 1 << 5 | 1 << 11 | 1 << 12;

/** The types below are errors (RFC 4443, section 2.1). */
const ICMPV6_INFORMATION = 128;

/** Reads the transport header; the IP header has been. */
export function readTransport(view: DataView, into: Headers): TransportKind {
  clear(into);
  switch (into.protocol) {
    case TCP:
      return readTcp(view, into);
    case UDP:
      return readPorts(view, into, UDP_BYTES);
    case SCTP:
      return readPorts(view, into, SCTP_BYTES);
    case ICMP:
    case ICMPV6:
      return readIcmp(view, into);
    default:
      return "flow";
  }
}

/** Reads the little that an ICMP error has to quote of one. */
export function readQuotedTransport(view: DataView, into: Headers): TransportKind {
  clear(into);
  const { protocol } = into;
  const hasPorts = protocol === TCP || protocol === UDP || protocol === SCTP;
  return hasPorts ? readPorts(view, into, PORTS_BYTES) : "flow";
}

function clear(into: Headers): void {
  into.source_port = into.destination_port = into.tcp_flags = 0;
}

function readPorts(view: DataView, into: Headers, bytes_min: number): TransportKind {
  const at = into.transport_at;
  if (into.end_at - at < bytes_min) return "truncated";
  into.source_port = view.getUint16(at);
  into.destination_port = view.getUint16(at + 2);
  return "flow";
}

function readTcp(view: DataView, into: Headers): TransportKind {
  const kind = readPorts(view, into, TCP_BYTES_MIN);
  if (kind !== "flow") return kind;
  const words = view.getUint8(into.transport_at + 12) >>> 4;
  into.tcp_flags = view.getUint8(into.transport_at + 13);
  return words < TCP_WORDS_MIN ? "malformed" : "flow";
}

/** The one of the other IP version is none at all: nothing is known of what it would mean. */
function readIcmp(
  view: DataView,
  { family, protocol, transport_at, end_at }: Headers,
): TransportKind {
  if (protocol !== (family === 4 ? ICMP : ICMPV6)) return "malformed";
  if (end_at - transport_at < ICMP_BYTES) return "truncated";
  const type = view.getUint8(transport_at);
  const isError = family === 6 ? type < ICMPV6_INFORMATION : type < 32 && ICMP_ERRORS >>> type & 1;
  return isError ? "icmp_error" : "flow";
}
