import { type Address, type Family, formatEndpoint, fullLength } from "../../model/address.ts";
import { type Protocol, PROTOCOL_NUMBERS, protocolOf } from "../../model/service.ts";
import { type AttributeReader, DecodeError, readAttributes } from "../attribute_reader.ts";
import type { AttributeWriter } from "../attribute_writer.ts";
import { familyNumber } from "../family.ts";
import { GENLMSGHDR_BYTES } from "../genetlink.ts";
import { inetAddress, inetBytes } from "./inet.ts";
import { CMD_ATTR, SVC_ATTR } from "./protocol.ts";

/** What a virtual service is known by: protocol, address and port, or a firewall mark. */
export type ServiceKey =
  | { readonly protocol: Protocol; readonly address: Address; readonly port: number }
  | { readonly family: Family; readonly fwmark: number };

/** One virtual service, as the kernel holds it. */
export interface VirtualService {
  readonly key: ServiceKey;
  /** `wrr`: its module is ip_vs_wrr. */
  readonly scheduler: string;
  /** SVC_F_*; the kernel keeps bits that it does not know. */
  readonly flags: number;
  /** Of persistence; without it the kernel only keeps the number. */
  readonly timeout_s: number;
  /** Prefix length by which clients are told apart under persistence. */
  readonly mask: number;
}

/** `tcp 203.0.113.10:80` or `fwmark 7 IPv6`: unique, and how services are named in plans and errors. */
export function serviceKeyText(key: ServiceKey): string {
  if ("fwmark" in key) return `fwmark ${key.fwmark} IPv${key.family}`;
  return `${key.protocol} ${formatEndpoint(key.address, key.port)}`;
}

/** The IP version of its packets. */
export function familyOfKey(key: ServiceKey): Family {
  return "fwmark" in key ? key.family : key.address.family;
}

/** Writes what a service is known by. */
export function writeServiceKey(writer: AttributeWriter, key: ServiceKey): void {
  writer.nested(CMD_ATTR.service, (inside) => writeKey(inside, key));
}

/** Writes the whole service. */
export function writeService(writer: AttributeWriter, service: VirtualService): void {
  const { key, scheduler, flags, timeout_s, mask } = service;
  writer.nested(CMD_ATTR.service, (inside) => {
    writeKey(inside, key);
    inside.text(SVC_ATTR.sched_name, scheduler)
      .bytes(SVC_ATTR.flags, flagBytes(flags))
      .u32(SVC_ATTR.timeout, timeout_s);
    // An IPv4 mask is an address in network order, an IPv6 one a length in the host's order.
    if (familyOfKey(key) === 4) inside.u32be(SVC_ATTR.netmask, maskNumber(mask));
    else inside.u32(SVC_ATTR.netmask, mask);
  });
}

/** Reads an IPVS_CMD_NEW_SERVICE; undefined where it is of a protocol lb does not know. @throws {DecodeError} */
export function readService(body: DataView): VirtualService | undefined {
  const wire: WireService = {
    ...{ af: 0, protocol: 0, address: new Uint8Array(), port: 0 },
    ...{ scheduler: "", flags: 0, timeout_s: 0, netmask: 0 },
  };
  readAttributes(body, GENLMSGHDR_BYTES, (attribute) => {
    if (attribute.type === CMD_ATTR.service) {
      attribute.nested((field) => readField(wire, field));
    }
  });
  return fromWire(wire);
}

interface WireService {
  af: number;
  protocol: number;
  address: Uint8Array;
  port: number;
  fwmark?: number;
  scheduler: string;
  flags: number;
  timeout_s: number;
  /** In network order. */
  netmask: number;
}

function readField(wire: WireService, field: AttributeReader): void {
  if (field.type === SVC_ATTR.af) wire.af = field.u16();
  else if (field.type === SVC_ATTR.protocol) wire.protocol = field.u16();
  else if (field.type === SVC_ATTR.addr) wire.address = field.bytes();
  else if (field.type === SVC_ATTR.port) wire.port = field.u16be();
  else if (field.type === SVC_ATTR.fwmark) wire.fwmark = field.u32();
  else if (field.type === SVC_ATTR.sched_name) wire.scheduler = field.text();
  else if (field.type === SVC_ATTR.flags) wire.flags = flagsOf(field.bytes(8));
  else if (field.type === SVC_ATTR.timeout) wire.timeout_s = field.u32();
  else if (field.type === SVC_ATTR.netmask) wire.netmask = field.u32be();
}

function fromWire(wire: WireService): VirtualService | undefined {
  const family = wire.af === familyNumber(6) ? 6 : 4;
  if (wire.af !== familyNumber(family)) throw new DecodeError(`address family ${wire.af}`);
  const { scheduler, flags, timeout_s, netmask } = wire;
  const mask = family === 4 ? lengthOf(netmask) : swapped(netmask);
  const key = keyOf(wire, family);
  return key && { key, scheduler, flags, timeout_s, mask };
}

function keyOf(wire: WireService, family: Family): ServiceKey | undefined {
  if (wire.fwmark !== undefined) return { family, fwmark: wire.fwmark };
  const protocol = protocolOf(wire.protocol);
  return protocol && { protocol, address: inetAddress(wire.address, family), port: wire.port };
}

function writeKey(writer: AttributeWriter, key: ServiceKey): void {
  writer.u16(SVC_ATTR.af, familyNumber(familyOfKey(key)));
  if ("fwmark" in key) {
    writer.u32(SVC_ATTR.fwmark, key.fwmark);
    return;
  }
  writer.u16(SVC_ATTR.protocol, PROTOCOL_NUMBERS[key.protocol])
    .bytes(SVC_ATTR.addr, inetBytes(key.address))
    .u16be(SVC_ATTR.port, key.port);
}

/** struct ip_vs_flags: the flags, and which of them to write. */
function flagBytes(flags: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(8));
  view.setUint32(0, flags, true);
  view.setUint32(4, 0xffff_ffff, true);
  return new Uint8Array(view.buffer);
}

function flagsOf(bytes: Uint8Array): number {
  return new DataView(bytes.buffer).getUint32(0, true);
}

function maskNumber(length: number): number {
  return length === 0 ? 0 : (0xffff_ffff << (32 - length)) >>> 0;
}

/** One that is no prefix, which the kernel lets anybody write, counts as its leading ones. */
function lengthOf(mask: number): number {
  return Math.min(Math.clz32(~mask), fullLength(4));
}

function swapped(value: number): number {
  const view = new DataView(new ArrayBuffer(4));
  view.setUint32(0, value);
  return view.getUint32(0, true);
}
