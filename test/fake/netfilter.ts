/** Test equipment: nft and conntrack entries, behind NETLINK_NETFILTER. */
import { addressBytes } from "../../lib/model/address.ts";
import { TCP_STATES, type TcpState } from "../../lib/netlink/conntrack/protocol.ts";
import type { RawSocket } from "../../lib/sys/ports.ts";
import type { FakeNft } from "./nft.ts";
import { answerNft, nftRequestName } from "./nft_answers.ts";
import { transactNft } from "./nft_transaction.ts";
import {
  type Answer,
  type Asked,
  attribute,
  attributesOf,
  FakeSocket,
  joined,
  u16be,
  u32be,
  viewOf,
} from "./wire.ts";

export const GET_FLOWS = 1 << 8 | 1;
export const DELETE_FLOW = 1 << 8 | 2;
const NEW_FLOW = 1 << 8;

const ENOENT = 2;
const AF_INET = 2;
const CLIENT = "192.0.2.7";
const NOBODY = "192.0.2.9";
const DST_NAT = 0x20;

/** Numbers of the attributes that a dump can be filtered by, each with that of its mask. */
const FILTERS = { mark: [8, 21], status: [3, 26] } as const;

/** An IPv4 conntrack entry. */
export interface FakeFlow {
  readonly id: number;
  readonly protocol: "tcp" | "udp";
  readonly mark: number;
  /** Where the client sent it. @default neither a VIP nor a port of anybody's */
  readonly vip?: string;
  readonly port?: number;
  /** Of tcp, as conntrack(8) spells it. @default not told */
  readonly tcp_state?: TcpState;
  /** What is left of its time. @default 0 */
  readonly timeout_s?: number;
  /** The backend that it was translated to, and that answers; undefined where it was not translated. */
  readonly answered_by?: string;
  /** Its port. @default the one the client asked for */
  readonly answered_from?: number;
}

/** As many entries as a test puts into it. */
export class FakeNetfilter {
  readonly flows: FakeFlow[] = [];
  /** How many entries each dump has sent. */
  readonly sent: number[] = [];
  readonly #nft: FakeNft;

  constructor(nft: FakeNft) {
    this.#nft = nft;
  }

  socket(): RawSocket {
    return new FakeSocket(
      (asked) => this.#answer(asked),
      (parts) => transactNft(this.#nft, parts),
    );
  }

  #answer(asked: Asked): Answer {
    const { type, body } = asked;
    if (nftRequestName(type) !== undefined) return answerNft(this.#nft, asked);
    if (type === GET_FLOWS) {
      const found = this.#matching(attributesOf(body.slice(4)));
      this.sent.push(found.length);
      return found.map((flow) => ({ type: NEW_FLOW, body: entry(flow) }));
    }
    if (type === DELETE_FLOW) return this.#delete(body);
    throw new SyntaxError(`the fake kernel does not know netfilter message type ${type}`);
  }

  #matching(asked: ReadonlyMap<number, Uint8Array>): FakeFlow[] {
    return this.flows.filter((flow) =>
      matches(asked, FILTERS.mark, flow.mark) && matches(asked, FILTERS.status, statusOf(flow))
    );
  }

  /** Without a tuple the real one would delete everything: here that is a fault of the test's subject. */
  #delete(body: Uint8Array): number {
    const attributes = attributesOf(body.slice(4));
    const id = attributes.get(12);
    if (!attributes.has(1) || !id) throw new SyntaxError("a flow is deleted by its tuple and id");
    const at = this.flows.findIndex((flow) => flow.id === viewOf(id).getUint32(0));
    if (at < 0) return -ENOENT;
    this.flows.splice(at, 1);
    return 0;
  }
}

function matches(
  asked: ReadonlyMap<number, Uint8Array>,
  [value, mask]: readonly [number, number],
  actual: number,
): boolean {
  const number = (type: number) => {
    const bytes = asked.get(type);
    return bytes ? viewOf(bytes).getUint32(0) : 0;
  };
  return (actual & number(mask)) === (number(value) & number(mask));
}

function statusOf({ answered_by }: FakeFlow): number {
  return answered_by === undefined ? 0 : DST_NAT;
}

/** struct nfgenmsg, then both tuples, status, mark and id. */
function entry(flow: FakeFlow): Uint8Array {
  const {
    id,
    protocol,
    mark,
    tcp_state,
    timeout_s = 0,
    vip = NOBODY,
    port = 4321,
    answered_by = vip,
    answered_from = port,
  } = flow;
  const parts = [
    tuple(1, protocol, [CLIENT, vip], [4000, port]),
    tuple(2, protocol, [answered_by, CLIENT], [answered_from, 4000]),
  ];
  const numbers = [
    attribute(3, u32be(statusOf(flow))),
    ...tcp_state
      ? [attribute(4, attribute(1, attribute(1, Uint8Array.of(TCP_STATES.indexOf(tcp_state)))))]
      : [],
    attribute(7, u32be(timeout_s)),
    attribute(8, u32be(mark)),
    attribute(12, u32be(id)),
  ];
  return joined(Uint8Array.of(AF_INET, 0, 0, 0), ...parts, ...numbers);
}

function tuple(
  type: number,
  protocol: FakeFlow["protocol"],
  [src, dst]: readonly [string, string],
  [sport, dport]: readonly [number, number],
): Uint8Array {
  const bytes = (text: string) => addressBytes({ family: 4, text });
  const ip = attribute(1, joined(attribute(1, bytes(src)), attribute(2, bytes(dst))));
  const number = Uint8Array.of(protocol === "tcp" ? 6 : 17);
  const ports = joined(attribute(2, u16be(sport)), attribute(3, u16be(dport)));
  return attribute(type, joined(ip, attribute(2, joined(attribute(1, number), ports))));
}
