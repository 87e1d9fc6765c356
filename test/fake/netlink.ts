/**
 * Test equipment: netlink sockets at message level. Bytes come in and go out as on the real kernel, written
 * here by hand, so that a fault in lib/netlink does not cancel itself out.
 */
import type { RawSocket } from "../../lib/sys/ports.ts";

const NLM_F_ACK = 0x4;
const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
const NFT_MSG_NEWGEN = 10 << 8 | 15;
const NFT_MSG_GETGEN = 10 << 8 | 16;
const NFTA_GEN_ID = 1;
const CTNL_MSG_CT_GET = 1 << 8 | 1;

/** NETLINK_NETFILTER: tells nft's generation, and has no conntrack entries. */
export class FakeNetfilterSocket implements RawSocket {
  readonly #generation: () => number;
  readonly #answers: Uint8Array[] = [];

  constructor(generation: () => number) {
    this.#generation = generation;
  }

  send(bytes: Uint8Array): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const [type, flags, sequence] = [4, 6, 8].map((at) =>
      at === 8 ? view.getUint32(at, true) : view.getUint16(at, true)
    ) as [number, number, number];
    if (type === NFT_MSG_GETGEN) {
      this.#answers.push(message(NFT_MSG_NEWGEN, sequence, generationBody(this.#generation())));
      if (flags & NLM_F_ACK) this.#answers.push(message(NLMSG_ERROR, sequence, noError(bytes)));
    } else if (type === CTNL_MSG_CT_GET) {
      this.#answers.push(message(NLMSG_DONE, sequence, new Uint8Array(4)));
    } else {
      throw new SyntaxError(`the fake kernel does not know netlink message type ${type}`);
    }
  }

  receive(): Uint8Array {
    const answer = this.#answers.shift();
    if (!answer) throw new Error("nothing was asked, so the fake kernel has nothing to say");
    return answer;
  }

  close(): void {
    this.#answers.length = 0;
  }
}

/** struct nfgenmsg, then NFTA_GEN_ID in network order. */
function generationBody(generation: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(12));
  view.setUint16(4, 8, true);
  view.setUint16(6, NFTA_GEN_ID, true);
  view.setUint32(8, generation);
  return new Uint8Array(view.buffer);
}

/** struct nlmsgerr with code 0: the acknowledgement, which quotes the request's header. */
function noError(request: Uint8Array): Uint8Array {
  const body = new Uint8Array(4 + 16);
  body.set(request.subarray(0, 16), 4);
  return body;
}

function message(type: number, sequence: number, body: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(16 + body.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, bytes.length, true);
  view.setUint16(4, type, true);
  view.setUint32(8, sequence, true);
  bytes.set(body, 16);
  return bytes;
}
