import { KernelError } from "../../../../lib/model/error.ts";
import { markOfId } from "../../../../lib/model/mark.ts";
import type { AttributeWriter } from "../../../../lib/netlink/attribute_writer.ts";
import {
  encodeMessage,
  NLM_F_CREATE,
  NLM_F_EXCL,
  NLMSG_DONE,
} from "../../../../lib/netlink/codec.ts";
import * as CT from "../../../../lib/netlink/conntrack/protocol.ts";
import { writeTuple } from "../../../../lib/netlink/conntrack/tuple.ts";
import { nfgenmsg } from "../../../../lib/netlink/nfnetlink.ts";
import type {
  BatchOptions,
  BatchSocket,
  BatchSocketsPort,
  RawSocket,
  SocketsPort,
} from "../../../../lib/sys/ports.ts";
import { concat } from "../../../../lib/model/bytes.ts";
import { LAYOUT } from "./rig.ts";

const TCP = 6;
const NLM_F_MULTI = 2;
const FOREIGN_BITS = 0x42;

/** Entries in one datagram of a dump: few, so that much happens between two. */
const ENTRIES_AT_ONCE = 3;

export interface Connection {
  readonly entry: number;
  readonly sport: number;
  /** The backend's id; 0 for a connection that is not balanced. */
  id: number;
  state: CT.TcpState | "untold";
  /** Made while somebody listened: it sends events (nf_conntrack_events = 2). */
  readonly isHeard: boolean;
}

/**
 * Test equipment: a conntrack that sends events to who listens, forgets them when there are too many at once, and
 * is read in pieces while it goes on changing.
 */
export class ConntrackWorld implements BatchSocketsPort, SocketsPort {
  readonly connections = new Map<number, Connection>();
  now_ms = 0;
  dumps = 0;
  losses = 0;
  open = 0;
  /** Called before each piece of a dump. */
  meanwhile = () => {};
  #entries = 0;
  #isListening = false;
  readonly #room: number;
  readonly #events: Uint8Array[] = [];
  #isCongested = false;
  #isToTell = false;

  /** @param room events that may wait */
  constructor(room = Infinity) {
    this.#room = room;
  }

  begin(sport: number, id: number, state: Connection["state"] = "SYN_SENT"): Connection {
    const entry = Math.imul(++this.#entries, 0x9e3779b1) >>> 0;
    const connection = { entry, sport, id, state, isHeard: this.#isListening };
    this.connections.set(entry, connection);
    this.#tell(connection, CT.CT_NEW, NLM_F_CREATE | NLM_F_EXCL);
    return connection;
  }

  change(connection: Connection, state: Connection["state"]): void {
    connection.state = state;
    this.#tell(connection, CT.CT_NEW, 0);
  }

  end(connection: Connection): void {
    this.connections.delete(connection.entry);
    this.#tell(connection, CT.CT_DELETE, 0);
  }

  /** Connections that are not over, of a backend. */
  activeOf(id: number): number {
    const isActive = ({ state }: Connection) => state !== "TIME_WAIT" && state !== "CLOSE";
    return [...this.connections.values()].filter((one) => one.id === id && isActive(one)).length;
  }

  netlink(protocol: number, options: BatchOptions): BatchSocket;
  netlink(protocol: number): RawSocket;
  netlink(_protocol: number, options?: BatchOptions): BatchSocket | RawSocket {
    this.open++;
    return options ? this.#listen(options) : this.#answer();
  }

  packet(): RawSocket {
    throw new TypeError("this world has no interfaces");
  }

  #tell(connection: Connection, type: number, flags: number): void {
    if (!connection.isHeard) return;
    if (this.#events.length >= this.#room && !this.#isCongested) {
      this.#isCongested = this.#isToTell = true;
      this.losses++;
    }
    if (!this.#isCongested) this.#events.push(message(connection, type, flags, 0));
  }

  #listen({ datagrams, datagram_bytes: stride_bytes }: BatchOptions): BatchSocket {
    const bytes = new Uint8Array(datagrams * stride_bytes);
    const lengths: number[] = [];
    this.#isListening = true;
    return {
      ...{ bytes, stride_bytes },
      receive: () => {
        if (this.#isToTell) {
          this.#isToTell = false;
          throw new KernelError({
            operation: "receive",
            object: "world",
            errno: "ENOBUFS",
            message: "lost",
          });
        }
        const batch = this.#events.splice(0, datagrams);
        if (this.#events.length === 0) this.#isCongested = false;
        for (const [index, datagram] of batch.entries()) {
          bytes.set(datagram, index * stride_bytes);
          lengths[index] = datagram.length;
        }
        return batch.length;
      },
      lengthOf: (index) => lengths[index]!,
      send() {},
      close: () => void this.open--,
    };
  }

  /** The kernel puts a piece together when the one before is read (netlink_dump()). */
  #answer(): RawSocket {
    let pieces: Iterator<Uint8Array> | undefined;
    let ahead: Uint8Array | undefined;
    const next = () => ahead = pieces?.next().value;
    return {
      send: () => {
        this.dumps++;
        pieces = this.#pieces();
        next();
      },
      receive: () => {
        const piece = ahead;
        next();
        this.meanwhile();
        if (!piece) throw new TypeError("nothing was asked, or all is said");
        return piece;
      },
      close: () => void this.open--,
    };
  }

  *#pieces(): Generator<Uint8Array> {
    const keys = [...this.connections.keys()].sort((one, other) => one - other);
    for (let at = 0; at < keys.length; at += ENTRIES_AT_ONCE) {
      const there = keys.slice(at, at + ENTRIES_AT_ONCE).flatMap((key) =>
        this.connections.get(key) ?? []
      );
      if (there.length === 0) continue;
      yield concat(...there.map((one) => message(one, CT.CT_NEW, NLM_F_MULTI, 1)));
    }
    const header = new Uint8Array(4);
    yield encodeMessage({ type: NLMSG_DONE, flags: NLM_F_MULTI, sequence: 1, header });
  }
}

function message(
  { entry, sport, id, state }: Connection,
  type: number,
  flags: number,
  sequence: number,
): Uint8Array {
  const tuple = { src: "192.0.2.1", dst: "203.0.113.10", sport, dport: 80 };
  const mark = (id === 0 ? 0 : markOfId(LAYOUT, id)) | FOREIGN_BITS;
  const attributes = (writer: AttributeWriter) => {
    writer.nested(CT.CTA_TUPLE_ORIG, (into) => writeTuple(into, 4, { protocol: TCP, tuple }));
    writer.u32be(CT.CTA_ID, entry).u32be(CT.CTA_MARK, mark);
    if (state !== "untold") writer.nested(CT.CTA_PROTOINFO, (info) => writeState(info, state));
  };
  return encodeMessage({ type, flags, sequence, header: nfgenmsg(4), attributes });
}

function writeState(writer: AttributeWriter, state: CT.TcpState): void {
  const number = CT.TCP_STATES.indexOf(state);
  writer.nested(CT.CTA_PROTOINFO_TCP, (tcp) => tcp.u8(CT.CTA_PROTOINFO_TCP_STATE, number));
}
