import type { Family } from "../model/address.ts";

/**
 * What came of a look at a packet.
 *
 * - `flow`: its headers say what flow it is of
 * - `icmp_error`: its `quoted` headers say what flow it is about
 * - `fragment`: not the first one of its packet: only addresses and protocol are known
 * - `truncated`: it ends, or its copy does, before that can be told
 * - `malformed`: its headers contradict themselves
 */
export type PacketKind = "flow" | "icmp_error" | "fragment" | "truncated" | "malformed";

/** What stands in a packet's headers. Addresses stay where they are: 4 or 16 bytes in network order. */
export interface Headers {
  family: Family;
  /** Where the source address begins. */
  source_at: number;
  destination_at: number;
  /** IANA's number of what is carried: of IPv6, behind its extension headers. */
  protocol: number;
  /** Where that begins, and where the packet ends, or its copy. */
  transport_at: number;
  end_at: number;
  /** Of tcp, udp and sctp; 0 for others. */
  source_port: number;
  destination_port: number;
  /** Of tcp: FIN 1, SYN 2, RST 4, ACK 16; 0 in what an error quotes. */
  tcp_flags: number;
}
