/** Test equipment: nft's generation and conntrack entries, behind NETLINK_NETFILTER. */
import { addressBytes } from "../../lib/model/address.ts";
import type { RawSocket } from "../../lib/sys/ports.ts";
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

export const GET_GENERATION = 10 << 8 | 16;
export const GET_FLOWS = 1 << 8 | 1;
export const DELETE_FLOW = 1 << 8 | 2;
const NEW_GENERATION = 10 << 8 | 15;
const NEW_FLOW = 1 << 8;

const ENOENT = 2;
const AF_INET = 2;

/** An IPv4 conntrack entry. */
export interface FakeFlow {
  readonly id: number;
  readonly protocol: "tcp" | "udp";
  readonly mark: number;
  /** The backend that answers. @default "192.0.2.7" */
  readonly answered_by?: string;
}

/** As many entries as a test puts into it. */
export class FakeNetfilter {
  readonly flows: FakeFlow[] = [];
  readonly #generation: () => number;

  constructor(generation: () => number) {
    this.#generation = generation;
  }

  socket(): RawSocket {
    return new FakeSocket((asked) => this.#answer(asked));
  }

  #answer({ type, body }: Asked): Answer {
    if (type === GET_GENERATION) {
      const value = attribute(1, u32be(this.#generation()));
      return [{ type: NEW_GENERATION, body: joined(new Uint8Array(4), value) }];
    }
    if (type === GET_FLOWS) {
      return this.flows.map((flow) => ({ type: NEW_FLOW, body: entry(flow) }));
    }
    if (type === DELETE_FLOW) return this.#delete(body);
    throw new SyntaxError(`the fake kernel does not know netfilter message type ${type}`);
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

/** struct nfgenmsg, then both tuples, the mark and the id. Of the tuples only the answering address counts. */
function entry({ id, protocol, mark, answered_by }: FakeFlow): Uint8Array {
  const parts = [tuple(1, protocol), tuple(2, protocol, answered_by)];
  const numbers = [attribute(8, u32be(mark)), attribute(12, u32be(id))];
  return joined(Uint8Array.of(AF_INET, 0, 0, 0), ...parts, ...numbers);
}

function tuple(type: number, protocol: FakeFlow["protocol"], source = "192.0.2.7"): Uint8Array {
  const bytes = (text: string) => addressBytes({ family: 4, text });
  const ip = attribute(1, joined(attribute(1, bytes(source)), attribute(2, bytes("192.0.2.7"))));
  const number = Uint8Array.of(protocol === "tcp" ? 6 : 17);
  const ports = joined(attribute(2, u16be(4000)), attribute(3, u16be(53)));
  return attribute(type, joined(ip, attribute(2, joined(attribute(1, number), ports))));
}
