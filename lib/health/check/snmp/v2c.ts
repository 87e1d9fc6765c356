import { ask, type Term } from "../ask.ts";
import type { PeerSocket } from "../../../sys/ports.ts";
import { BerReader, element, integer, octets, TAG } from "./ber.ts";
import { getPdu, type Pdu, readPdu } from "./pdu.ts";

/** RFC 1901. */
const VERSION = 1;

/** Reads an object by SNMPv2c. @throws {KernelError} where no answer comes: of a wrong community, none does */
export function getV2c(
  socket: PeerSocket,
  { community, object, id }: { community: string; object: string; id: number },
  term: Term,
): Promise<Pdu> {
  const pdu = getPdu(id, object);
  const request = element(TAG.sequence, integer(VERSION), octets(community), pdu);
  return ask(socket, request, (datagram) => readV2c(datagram, id), term);
}

/** @returns undefined where it does not answer the request of this id */
export function readV2c(datagram: Uint8Array, id: number): Pdu | undefined {
  try {
    const reader = new BerReader(datagram).inside(TAG.sequence);
    if (reader.integer() !== VERSION) return undefined;
    reader.next(TAG.octets);
    const pdu = readPdu(reader);
    return pdu.tag === TAG.response && pdu.id === id ? pdu : undefined;
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}
