import { fingerprint32 } from "../../model/fingerprint.ts";
import { SVC_F_HASHED } from "../../netlink/ipvs/protocol.ts";

/**
 * How lb knows its own virtual services again, also where its records are lost. The kernel keeps all 32
 * flags of a service as they were written, and uses the lowest six (linux/ip_vs.h; ip_vs_add_service(),
 * net/netfilter/ipvs/ip_vs_ctl.c): the highest byte says "lb", and two more bytes hold the mark of the
 * run that wrote last, on one service for all of them. No program shows them.
 */
const TAG = 0xb1;
const TAG_SHIFT = 24;
const MARK_SHIFT = 8;
const MARK_MAX = 0xffff;
const PLAIN_MASK = 0xff;

/** What the flags of a service hold. */
export interface Flags {
  /** The kernel's own, without the one it sets by itself. */
  readonly plain: number;
  /** It was lb that wrote them. */
  readonly tagged: boolean;
  /** 0 where another service bears it. */
  readonly mark: number;
}

/** Takes flags apart. What is not ours has no mark. */
export function readFlags(flags: number): Flags {
  const tagged = flags >>> TAG_SHIFT === TAG;
  if (!tagged) return { plain: (flags & ~SVC_F_HASHED) >>> 0, tagged, mark: 0 };
  const plain = flags & PLAIN_MASK & ~SVC_F_HASHED;
  return { plain, tagged, mark: flags >>> MARK_SHIFT & MARK_MAX };
}

/** The flags of a service of ours. */
export function taggedFlags(plain: number, mark: number): number {
  return (plain | mark << MARK_SHIFT | TAG << TAG_SHIFT) >>> 0;
}

/** The mark for a run's token: never 0. */
export function markFor(token: string): number {
  const hash = fingerprint32(token);
  // Folded, because the low half alone hardly depends on the last characters.
  return (hash >>> 16 ^ hash & MARK_MAX) % MARK_MAX + 1;
}

/** A mark as a token of the engine's. */
export function markText(mark: number): string {
  return `ipvs ${mark.toString(16).padStart(4, "0")}`;
}

/** The mark in a token; 0 where it is no such token. */
export function markOfText(token: string): number {
  const [, digits] = /^ipvs ([0-9a-f]{4})$/.exec(token) ?? [];
  return digits === undefined ? 0 : parseInt(digits, 16);
}
