/** Everything that reads what the kernel sends, in one table. */
import { KernelError } from "../../lib/model/error.ts";
import { DEFAULT_MARK_MASK, markLayout } from "../../lib/model/mark.ts";
import { readAttributes } from "../../lib/netlink/attribute_reader.ts";
import { DecodeError, type Message, readEnding } from "../../lib/netlink/codec.ts";
import { countActive } from "../../lib/netlink/conntrack/count.ts";
import { EventReader } from "../../lib/netlink/conntrack/events.ts";
import { dumpFailed, readFailed } from "../../lib/netlink/conntrack/failed.ts";
import { readEntry } from "../../lib/netlink/conntrack/entry.ts";
import { readFamily } from "../../lib/netlink/genetlink.ts";
import { withIpvs } from "../../lib/netlink/ipvs/connection.ts";
import { readDestination } from "../../lib/netlink/ipvs/destination.ts";
import { readService } from "../../lib/netlink/ipvs/service.ts";
import { readChain } from "../../lib/netlink/nft/chain.ts";
import { readElements } from "../../lib/netlink/nft/element.ts";
import { generationOf } from "../../lib/netlink/nft/generation.ts";
import { readCounter, readObject } from "../../lib/netlink/nft/object.ts";
import { RuleDigester } from "../../lib/netlink/nft/rule.ts";
import { readSet } from "../../lib/netlink/nft/set.ts";
import { readTable } from "../../lib/netlink/nft/table.ts";
import { type QueueMessage, QueueReader } from "../../lib/netlink/queue/reader.ts";
import { NETLINK_NETFILTER, withNetlink } from "../../lib/netlink/request.ts";
import { readAddress } from "../../lib/netlink/route/address.ts";
import { readLink } from "../../lib/netlink/route/link.ts";
import { isLocalRoute } from "../../lib/netlink/route/local.ts";
import { readNeighbour } from "../../lib/netlink/route/neighbour.ts";
import { readRoute } from "../../lib/netlink/route/route.ts";
import { newPacket, parsePacket } from "../../lib/packet/packet.ts";
import type { SocketsPort } from "../../lib/sys/ports.ts";
import { DONE as IPVS_DONE, FAMILIES, FAMILIES_DONE } from "../unit/netlink/ipvs_samples.ts";
import { ACK, DONE } from "../unit/netlink/samples.ts";

/** Deeper than anything that the kernel nests. */
const NESTING_MAX = 8;

/** What reads one message, whatever it was meant to be. */
export const MESSAGE_DECODERS: Readonly<Record<string, (message: Message) => unknown>> = {
  attributes: ({ body }) => walk(body),
  ending: readEnding,
  "genetlink family": ({ body }) => readFamily(body),
  "ipvs service": ({ body }) => readService(body),
  "ipvs destination": ({ body }) => readDestination(body),
  "nft table": ({ body }) => readTable(body),
  "nft chain": ({ body }) => readChain(body),
  "nft rule": ({ body }) => digest(body),
  "nft set": ({ body }) => readSet(body),
  "nft elements": ({ body }) => elements(body),
  "nft counter": ({ body }) => readCounter(body),
  "nft object": ({ body }) => readObject(body),
  "conntrack entry": ({ body }) => readEntry(body),
  "failed connection": ({ body }) => readFailed(LAYOUT, body),
  "route address": ({ body }) => readAddress(body),
  "route link": ({ body }) => readLink(body),
  "route neighbour": ({ body }) => readNeighbour(body),
  "route route": ({ body }) => readRoute(body),
  "route of a prefix": ({ body }) => isLocalRoute(body, 32),
};

/** What reads datagrams until its question is answered. */
export const EXCHANGE_DECODERS: Readonly<Record<string, (datagram: Uint8Array) => unknown>> = {
  "genetlink exchange": (datagram) => withIpvs(script(datagram, FAMILIES_DONE), () => true),
  "ipvs exchange": (datagram) => withIpvs(afterFamilies(datagram), (ipvs) => ipvs.services()),
  "nft generation exchange": (datagram) =>
    withNetlink(script(datagram, ACK), NETLINK_NETFILTER, generationOf),
  "conntrack count exchange": (datagram) => countActive(script(datagram, DONE), LAYOUT),
  "failed connections exchange": (datagram) => dumpFailed(script(datagram, DONE), LAYOUT),
  "conntrack events": (datagram) => conntrackEvents(datagram),
  "queue messages": (datagram) => queueMessages(datagram),
  "packet headers": (datagram) => packetHeaders(datagram),
};

const LAYOUT = markLayout(DEFAULT_MARK_MASK)!;

function afterFamilies(datagram: Uint8Array): SocketsPort {
  return script(FAMILIES, FAMILIES_DONE, datagram, IPVS_DONE);
}

/** The only ways in which a decoder may end without a result. */
export function isRefusal(error: unknown): boolean {
  return error instanceof DecodeError || error instanceof KernelError;
}

/** Reads every attribute in every way there is, and looks into each as if others were inside. */
function walk(body: DataView): unknown[] {
  const found: unknown[] = [];
  const visit = (depth: number): Parameters<typeof readAttributes>[2] => (attribute) => {
    const { type, start, end } = attribute;
    found.push(type, attribute.bytes(), attribute.text(), attribute.equals(NOTHING));
    if (end - start === 1) found.push(attribute.u8());
    if (end - start === 2) found.push(attribute.u16(), attribute.u16be());
    if (end - start === 4) found.push(attribute.u32(), attribute.u32be());
    if (end - start === 8) found.push(attribute.u64(), attribute.u64be());
    if (depth < NESTING_MAX && type % 2 === 1) attribute.nested(visit(depth + 1));
  };
  readAttributes(body, 4, visit(0));
  return found;
}

const NOTHING = new Uint8Array();

function digest(body: DataView): unknown {
  const digester = new RuleDigester();
  digester.add(body);
  return digester.result();
}

function elements(body: DataView): unknown[] {
  const found: unknown[] = [];
  readElements(body, (element) => found.push(element));
  return found;
}

/** With every address that is told of read, as who hashes a flow does. */
function conntrackEvents(datagram: Uint8Array): unknown[] {
  const view = new DataView(datagram.buffer, datagram.byteOffset, datagram.byteLength);
  const reader = new EventReader();
  const found: unknown[] = [];
  reader.begin(view, 0, datagram.length);
  for (let kind = reader.next(); kind !== undefined; kind = reader.next()) {
    if (kind === "other") continue;
    const { address_bytes, source_at, destination_at, id, mark, tcp_state, protocol } = reader;
    const addresses = [source_at, destination_at].map((at) =>
      Array.from({ length: address_bytes }, (_, byte) => reader.view.getUint8(at + byte))
    );
    const ports = [reader.source_port, reader.destination_port];
    found.push({ kind, addresses, ports, id, mark, tcp_state, protocol });
  }
  if (found.length === 0) throw new DecodeError("no event");
  return found;
}

/** Of what the reader of queues passes over in silence, nothing is to be told here but that. */
function queueMessages(datagram: Uint8Array): unknown[] {
  return withQueue(datagram, (reader, kind) => kind === "other" ? [] : [{ ...reader, kind }]);
}

/** Of each queued packet. */
function packetHeaders(datagram: Uint8Array): unknown[] {
  const view = new DataView(datagram.buffer, datagram.byteOffset, datagram.byteLength);
  return withQueue(datagram, ({ start, end }, message) => {
    const into = newPacket();
    const kind = message === "packet" ? parsePacket(view, start, end, into) : "truncated";
    return kind === "truncated" || kind === "malformed" ? [] : [{ ...into, kind }];
  });
}

function withQueue(
  datagram: Uint8Array,
  visit: (reader: QueueReader, kind: QueueMessage) => readonly unknown[],
): unknown[] {
  const reader = new QueueReader(datagram);
  const found: unknown[] = [];
  reader.begin(0, datagram.length);
  for (let kind = reader.next(); kind !== undefined; kind = reader.next()) {
    found.push(...visit(reader, kind));
  }
  if (found.length === 0) throw new DecodeError("nothing that a queue sends");
  return found;
}

/** Test equipment: sockets that answer with these datagrams, and are silent then. */
function script(...datagrams: readonly Uint8Array[]): SocketsPort {
  let at = 0;
  const socket = {
    send() {},
    receive() {
      const datagram = datagrams[at++];
      if (datagram) return datagram;
      throw new KernelError({ operation: "receive", object: "script", message: "at its end" });
    },
    close() {},
  };
  return {
    netlink: () => socket,
    packet() {
      throw new TypeError("this script has netlink sockets only");
    },
  };
}
