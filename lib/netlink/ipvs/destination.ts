import { type Address, formatEndpoint } from "../../model/address.ts";
import { type AttributeReader, DecodeError, readAttributes } from "../attribute_reader.ts";
import type { AttributeWriter } from "../attribute_writer.ts";
import { familyNumber } from "../family.ts";
import { GENLMSGHDR_BYTES } from "../genetlink.ts";
import { inetAddress, inetBytes } from "./inet.ts";
import {
  CMD_ATTR,
  DEST_ATTR,
  type DestinationForwarding,
  forwardingNumber,
  forwardingOf,
  STATS_ATTR,
  TUNNEL_IPIP,
} from "./protocol.ts";

/** What a destination is known by inside its service. */
export interface DestinationKey {
  readonly address: Address;
  /** 0 keeps the port the client asked for. */
  readonly port: number;
}

/** What can be written of a destination. */
export interface Destination {
  readonly key: DestinationKey;
  /** undefined where it is one that lb does not know. */
  readonly forwarding?: DestinationForwarding;
  /** 0–65535 as lb uses it; 0 gets no new connections. */
  readonly weight: number;
  /** At this many connections it gets no more; 0 is no limit. */
  readonly upper_threshold: number;
  /** It gets more again below this many; 0 is three quarters of the upper one. */
  readonly lower_threshold: number;
  /** IP_VS_CONN_F_TUNNEL_TYPE_*: 0 is ipip, and what kernels before 5.2 have only. */
  readonly tunnel_type: number;
}

/** What the kernel has counted for a destination since it was put there. */
export interface DestinationCounters {
  /** Established connections. */
  readonly active_connections: number;
  /** All others that it has not forgotten yet: udp, closing, half open. */
  readonly inactive_connections: number;
  readonly new_connections: number;
  readonly bytes_in: number;
  readonly bytes_out: number;
}

/** A destination as the kernel holds it. */
export interface CountedDestination extends Destination, DestinationCounters {}

/** `198.51.100.11:8080`: how destinations are named in plans and errors. */
export function destinationKeyText({ address, port }: DestinationKey): string {
  return formatEndpoint(address, port === 0 ? undefined : port);
}

/** Writes what a destination is known by. */
export function writeDestinationKey(writer: AttributeWriter, key: DestinationKey): void {
  writer.nested(CMD_ATTR.dest, (inside) => writeKey(inside, key));
}

/** Writes the whole destination. */
export function writeDestination(writer: AttributeWriter, destination: Destination): void {
  const { key, forwarding, weight, upper_threshold, lower_threshold, tunnel_type } = destination;
  writer.nested(CMD_ATTR.dest, (inside) => {
    writeKey(inside, key);
    inside.u32(DEST_ATTR.fwd_method, forwardingNumber(forwarding ?? "nat"))
      .u32(DEST_ATTR.weight, weight)
      .u32(DEST_ATTR.u_thresh, upper_threshold)
      .u32(DEST_ATTR.l_thresh, lower_threshold);
    // Kernels before 5.2 do not know the attribute, and have ipip only.
    if (tunnel_type !== TUNNEL_IPIP) inside.u8(DEST_ATTR.tun_type, tunnel_type);
  });
}

/** Reads an IPVS_CMD_NEW_DEST. @throws {DecodeError} */
export function readDestination(body: DataView): CountedDestination {
  const wire: WireDestination = {
    ...{ af: 0, address: new Uint8Array(), port: 0, method: 0, tunnel_type: TUNNEL_IPIP },
    ...{ weight: 0, upper_threshold: 0, lower_threshold: 0 },
    ...{ active_connections: 0, inactive_connections: 0 },
    ...{ new_connections: 0, bytes_in: 0, bytes_out: 0 },
  };
  readAttributes(body, GENLMSGHDR_BYTES, (attribute) => {
    if (attribute.type === CMD_ATTR.dest) attribute.nested((field) => readField(wire, field));
  });
  const { af, address, port, method, ...rest } = wire;
  const family = af === familyNumber(6) ? 6 : 4;
  if (af !== familyNumber(family)) throw new DecodeError(`address family ${af}`);
  const key = { address: inetAddress(address, family), port };
  return { key, forwarding: forwardingOf(method), ...rest };
}

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

interface WireDestination extends Mutable<Omit<CountedDestination, "key" | "forwarding">> {
  af: number;
  address: Uint8Array;
  port: number;
  method: number;
}

function readField(wire: WireDestination, field: AttributeReader): void {
  if (field.type === DEST_ATTR.addr_family) wire.af = field.u16();
  else if (field.type === DEST_ATTR.addr) wire.address = field.bytes();
  else if (field.type === DEST_ATTR.port) wire.port = field.u16be();
  else if (field.type === DEST_ATTR.fwd_method) wire.method = field.u32();
  else if (field.type === DEST_ATTR.weight) wire.weight = field.u32();
  else if (field.type === DEST_ATTR.u_thresh) wire.upper_threshold = field.u32();
  else if (field.type === DEST_ATTR.l_thresh) wire.lower_threshold = field.u32();
  else if (field.type === DEST_ATTR.tun_type) wire.tunnel_type = field.u8();
  else if (field.type === DEST_ATTR.active_conns) wire.active_connections = field.u32();
  else if (field.type === DEST_ATTR.inact_conns) wire.inactive_connections = field.u32();
  else if (field.type === DEST_ATTR.stats64) readStats(wire, field);
}

function readStats(wire: WireDestination, stats: AttributeReader): void {
  stats.nested((field) => {
    if (field.type === STATS_ATTR.conns) wire.new_connections = field.u64();
    else if (field.type === STATS_ATTR.inbytes) wire.bytes_in = field.u64();
    else if (field.type === STATS_ATTR.outbytes) wire.bytes_out = field.u64();
  });
}

function writeKey(writer: AttributeWriter, { address, port }: DestinationKey): void {
  writer.u16(DEST_ATTR.addr_family, familyNumber(address.family))
    .bytes(DEST_ATTR.addr, inetBytes(address))
    .u16be(DEST_ATTR.port, port);
}
