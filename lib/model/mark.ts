/**
 * Where lb keeps a backend's id in the 32-bit packet and conntrack marks. The highest bit of the mask
 * is a flag ("masquerade" in a conntrack mark, "queue me" in a packet mark), the rest holds the id.
 */
export interface MarkLayout {
  /** All bits lb may write. */
  readonly mask: number;
  /** Bit number of the id's lowest bit. */
  readonly shift: number;
  /** Largest value that fits: the mark of this id and of every larger one. */
  readonly idMax: number;
  /** The flag bit, as a value. */
  readonly flag: number;
}

/** The default of config.md. */
export const DEFAULT_MARK_MASK = 0x00ffff00;

/** Fewest bits that are of use: a flag and ids up to 255. */
export const MARK_BITS_MIN = 9;

/**
 * The layout for a mask.
 *
 * @returns undefined unless the mask is one run of at least {@linkcode MARK_BITS_MIN} bits
 * @example `markLayout(0x00ffff00)` has ids in bits 8–22 and the flag in bit 23.
 */
export function markLayout(mask: number): MarkLayout | undefined {
  const bits = (mask >>> 0).toString(2);
  const run = /^(1+)(0*)$/.exec(bits)?.[1];
  if (!run || run.length < MARK_BITS_MIN) return undefined;
  const shift = bits.length - run.length;
  return {
    mask: mask >>> 0,
    shift,
    idMax: 2 ** (run.length - 1) - 1,
    flag: 2 ** (bits.length - 1),
  };
}

/**
 * The mark bits of a backend id, without the flag. Ids that do not fit all have the largest: such
 * connections are known as balanced ones, but not to which backend.
 */
export function markOfId(layout: MarkLayout, id: number): number {
  return (Math.min(id, layout.idMax) << layout.shift) >>> 0;
}

/** Whether the mark tells this id from all others. */
export function fitsMark(layout: MarkLayout, id: number): boolean {
  return id < layout.idMax;
}

/** The bits that hold the id. */
export function idMask(layout: MarkLayout): number {
  return (layout.mask & ~layout.flag) >>> 0;
}

/** The backend id in a mark; 0 where there is none. */
export function idOfMark(layout: MarkLayout, mark: number): number {
  return (mark & idMask(layout)) >>> layout.shift;
}
