/** Headers of IPv4 (RFC 791) and IPv6 (RFC 8200). */
import type { Headers, PacketKind } from "./headers.ts";

/** What can be said of a packet before its transport header was looked at. */
type NetworkKind = Exclude<PacketKind, "icmp_error">;

const IPV4_BYTES_MIN = 20;
const IPV6_BYTES = 40;

/** The smallest extension header, and by how much all of them grow but AH. */
const EXTENSION_BYTES = 8;

/** Those that the kernel's conntrack passes over (ipv6_ext_hdr(), net/ipv6/exthdrs_core.c of linux 6.18). */
const HOP_BY_HOP = 0;
const ROUTING = 43;
const FRAGMENT = 44;
const AUTHENTICATION = 51;
const DESTINATION = 60;

/** Reads the IP header at `start` and what stands between it and the transport header. */
export function readIp(view: DataView, start: number, end: number, into: Headers): NetworkKind {
  const version = end > start ? view.getUint8(start) >>> 4 : 0;
  if (version === 4) return readIpv4(view, start, end, into);
  if (version === 6) return readIpv6(view, start, end, into);
  return end > start ? "malformed" : "truncated";
}

function readIpv4(view: DataView, start: number, end: number, into: Headers): NetworkKind {
  if (end - start < IPV4_BYTES_MIN) return "truncated";
  const header_bytes = (view.getUint8(start) & 0xf) * 4;
  const total_bytes = view.getUint16(start + 2);
  // 0 where segments were put together to more than 65,535 bytes (linux 6.3).
  if (header_bytes < IPV4_BYTES_MIN || total_bytes !== 0 && total_bytes < header_bytes) {
    return "malformed";
  }
  into.family = 4;
  into.source_at = start + 12;
  into.destination_at = start + 16;
  into.protocol = view.getUint8(start + 9);
  into.transport_at = start + header_bytes;
  into.end_at = total_bytes === 0 ? end : Math.min(end, start + total_bytes);
  if (into.transport_at > end) return "truncated";
  return view.getUint16(start + 6) & 0x1fff ? "fragment" : "flow";
}

function readIpv6(view: DataView, start: number, end: number, into: Headers): NetworkKind {
  if (end - start < IPV6_BYTES) return "truncated";
  const payload_bytes = view.getUint16(start + 4);
  into.family = 6;
  into.source_at = start + 8;
  into.destination_at = start + 24;
  into.protocol = view.getUint8(start + 6);
  into.transport_at = start + IPV6_BYTES;
  // 0 in a jumbogram (RFC 2675), which is also what segments put together to more than 65,535 bytes are.
  into.end_at = payload_bytes === 0 ? end : Math.min(end, start + IPV6_BYTES + payload_bytes);
  return passExtensions(view, into);
}

/** Each takes at least 8 bytes, so their number is bounded by the packet's length. */
function passExtensions(view: DataView, into: Headers): NetworkKind {
  while (isExtension(into.protocol)) {
    const kind = into.protocol;
    const at = into.transport_at;
    if (into.end_at - at < EXTENSION_BYTES) return "truncated";
    into.protocol = view.getUint8(at);
    into.transport_at = at + extensionBytes(kind, view.getUint8(at + 1));
    if (kind === FRAGMENT && view.getUint16(at + 2) & 0xfff8) return "fragment";
  }
  return into.transport_at > into.end_at ? "truncated" : "flow";
}

function isExtension(protocol: number): boolean {
  return protocol === HOP_BY_HOP || protocol === ROUTING || protocol === FRAGMENT ||
    protocol === AUTHENTICATION || protocol === DESTINATION;
}

/** @param length as it stands in the header; one of fragments has none there */
function extensionBytes(kind: number, length: number): number {
  if (kind === FRAGMENT) return EXTENSION_BYTES;
  return kind === AUTHENTICATION ? (length + 2) * 4 : (length + 1) * EXTENSION_BYTES;
}
