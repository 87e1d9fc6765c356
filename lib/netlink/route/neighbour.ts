import {
  type Address,
  addressBytes,
  addressFromBytes,
  FAMILIES,
  type Family,
  fullLength,
} from "../../model/address.ts";
import { KernelError } from "../../model/error.ts";
import type { SocketsPort } from "../../sys/ports.ts";
import { DecodeError, readAttributes } from "../attribute_reader.ts";
import { NLM_F_CREATE } from "../codec.ts";
import { familyNumber, familyOf } from "../family.ts";
import { NETLINK_ROUTE, type Request, withNetlink } from "../request.ts";

/** linux/rtnetlink.h and neighbour.h. */
const RTM_NEWNEIGH = 28;
const RTM_GETNEIGH = 30;
const NDMSG_BYTES = 12;
const NDA_DST = 1;
const NDA_LLADDR = 2;
const NTF_USE = 0x01;

/** NUD_VALID of include/net/neighbour.h: PERMANENT, NOARP, REACHABLE, PROBE, STALE, DELAY. */
const NUD_VALID = 0x80 | 0x40 | 0x02 | 0x10 | 0x04 | 0x08;

/** One entry of the kernel's tables of link addresses (ARP and NDP). */
export interface Neighbour {
  readonly ifindex: number;
  readonly address: Address;
  /** NUD_* of linux/neighbour.h. */
  readonly state: number;
  /** Its link address: 6 bytes on ethernet; undefined where nobody has answered yet. */
  readonly lladdr?: Uint8Array;
}

/** Whose link address is asked for, and where. */
export type Neighbourhood = Pick<Neighbour, "ifindex" | "address">;

/** The neighbours of these IP versions that the network namespace knows of. @throws {KernelError} */
export function listNeighbours(
  sockets: SocketsPort,
  families: readonly Family[] = FAMILIES,
): Neighbour[] {
  return withNetlink(
    sockets,
    NETLINK_ROUTE,
    (connection) =>
      families.flatMap((family) =>
        connection.dump(
          // A strict kernel takes the family and no more here (neigh_valid_dump_req(), linux 5.0).
          {
            operation: "list",
            object: "neighbours",
            type: RTM_GETNEIGH,
            header: ndmsg({ family, ifindex: 0, flags: 0 }),
          },
          () => new Array<Neighbour>(),
          (list, { body }) => list.push(readNeighbour(body)),
        )
      ),
  );
}

/** Reads an RTM_NEWNEIGH. @throws {DecodeError} */
export function readNeighbour(body: DataView): Neighbour {
  if (body.byteLength < NDMSG_BYTES) throw new DecodeError("a neighbour without a header");
  const bytes = fullLength(familyOf(body)) / 8;
  const found: { address?: Uint8Array; lladdr?: Uint8Array } = {};
  readAttributes(body, NDMSG_BYTES, (attribute) => {
    if (attribute.type === NDA_DST) found.address = attribute.bytes(bytes);
    else if (attribute.type === NDA_LLADDR) found.lladdr = attribute.bytes();
  });
  const { address, lladdr } = found;
  if (!address) throw new DecodeError("a neighbour without an address");
  return {
    ifindex: body.getInt32(4, true),
    address: addressFromBytes(address),
    state: body.getUint16(8, true),
    ...(lladdr && { lladdr }),
  };
}

/** Whether packets go out to it now, without waiting for an answer. */
export function isReachable({ state, lladdr }: Neighbour): boolean {
  return (state & NUD_VALID) !== 0 && lladdr !== undefined;
}

/**
 * Has the kernel do what it does where a packet goes to a neighbour: ask for a link address it does not
 * know, and ask again for one it has not heard of for a while (neigh_event_send(), net/core/neighbour.c).
 * Waits for no answer. One that cannot be asked, because its interface has gone or privilege is missing,
 * stays as it is.
 *
 * @throws {KernelError} where the kernel does not answer
 */
export function askNeighbours(sockets: SocketsPort, asked: readonly Neighbourhood[]): void {
  if (asked.length === 0) return;
  withNetlink(sockets, NETLINK_ROUTE, (connection) => {
    for (const one of asked) {
      try {
        connection.transact(use(one));
      } catch (error) {
        if (!(error instanceof KernelError) || error.refusal.errno === "ETIMEDOUT") throw error;
      }
    }
  });
}

function use({ ifindex, address }: Neighbourhood): Request {
  return {
    operation: "ask for",
    object: `neighbour ${address.text} at interface ${ifindex}`,
    type: RTM_NEWNEIGH,
    flags: NLM_F_CREATE,
    header: ndmsg({ family: address.family, ifindex, flags: NTF_USE }),
    attributes: (writer) => writer.bytes(NDA_DST, addressBytes(address)),
  };
}

function ndmsg(
  { family, ifindex, flags }: { family: Family; ifindex: number; flags: number },
): Uint8Array {
  const view = new DataView(new ArrayBuffer(NDMSG_BYTES));
  view.setUint8(0, familyNumber(family));
  view.setInt32(4, ifindex, true);
  view.setUint8(10, flags);
  return new Uint8Array(view.buffer);
}
