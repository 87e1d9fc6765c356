import { NLM_F_REQUEST } from "../codec.ts";
import { NFQA_MARK, NFQA_VERDICT_HDR, NFQNL_MSG_VERDICT } from "./protocol.ts";

/** nlmsghdr 16, nfgenmsg 4, NFQA_VERDICT_HDR 12, NFQA_MARK 8. */
export const VERDICT_BYTES = 40;

const VERDICT_AT = 24;
const ID_AT = 28;
const MARK_AT = 36;

/**
 * Verdicts of one queue behind each other, which go out in one send: netlink reads message after message. They
 * all have a mark, so that each has its place and all but three numbers of it are written once.
 */
export class VerdictBatch {
  /** The verdicts; those from {@linkcode length} on are not of this batch. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly #view: DataView;
  #length = 0;

  /** @param count_max how many there may be at once */
  constructor(queue: number, count_max: number) {
    this.#view = new DataView(new ArrayBuffer(count_max * VERDICT_BYTES));
    this.bytes = new Uint8Array(this.#view.buffer as ArrayBuffer);
    for (let at = 0; at < this.bytes.length; at += VERDICT_BYTES) writeFrame(this.#view, at, queue);
  }

  /** Bytes of this batch. */
  get length(): number {
    return this.#length;
  }

  get isFull(): boolean {
    return this.#length === this.bytes.length;
  }

  /**
   * @param verdict NF_ACCEPT or NF_DROP
   * @param mark what the packet's is from now on, all 32 bits of it
   * @throws {RangeError} where the batch is full
   */
  add(id: number, verdict: number, mark: number): void {
    const at = this.#length;
    this.#view.setUint32(at + VERDICT_AT, verdict);
    this.#view.setUint32(at + ID_AT, id);
    this.#view.setUint32(at + MARK_AT, mark);
    this.#length = at + VERDICT_BYTES;
  }

  clear(): void {
    this.#length = 0;
  }
}

/** All that is the same in every verdict. No acknowledgement: refusals come in any case. */
function writeFrame(view: DataView, at: number, queue: number): void {
  view.setUint32(at, VERDICT_BYTES, true);
  view.setUint16(at + 4, NFQNL_MSG_VERDICT, true);
  view.setUint16(at + 6, NLM_F_REQUEST, true);
  view.setUint16(at + 18, queue);
  view.setUint16(at + 20, 12, true);
  view.setUint16(at + 22, NFQA_VERDICT_HDR, true);
  view.setUint16(at + 32, 8, true);
  view.setUint16(at + 34, NFQA_MARK, true);
}
