/** Where the two lanes of a fingerprint begin: FNV-1a's own, and another. */
export const LANES = { low: 0x811c9dc5, high: 0x050c5d1f } as const;

/** One step of 32-bit FNV-1a. */
export function mixed(lane: number, value: number): number {
  return Math.imul(lane ^ value, 0x01000193);
}

/** Two lanes as text. */
export function lanesText(low: number, high: number): string {
  return hex(high) + hex(low);
}

/** Short fingerprint of a text (two lanes of 32-bit FNV-1a): to recognise our own objects, not a defence. */
export function fingerprint(text: string): string {
  let { low, high }: Record<keyof typeof LANES, number> = LANES;
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    low = mixed(low, unit);
    high = mixed(high, unit + index);
  }
  return lanesText(low, high);
}

/** 32 bits of it: FNV-1a of the text. */
export function fingerprint32(text: string): number {
  return parseInt(fingerprint(text).slice(-8), 16);
}

function hex(lane: number): string {
  return (lane >>> 0).toString(16).padStart(8, "0");
}
