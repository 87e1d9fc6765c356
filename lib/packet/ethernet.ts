import { concat } from "../model/bytes.ts";

/** Bytes of an ethernet address. */
export const MAC_BYTES = 6;

/** An ethernet II frame, without the padding and checksum that the hardware adds. */
export function ethernetFrame(
  frame: {
    readonly destination: Uint8Array;
    readonly source: Uint8Array;
    readonly type: number;
    readonly payload: Uint8Array;
  },
): Uint8Array {
  return concat(frame.destination, frame.source, u16(frame.type), frame.payload);
}

/** A 16-bit number in network order. */
export function u16(value: number): readonly number[] {
  return [value >>> 8 & 0xff, value & 0xff];
}

/** @throws {RangeError} unless it is an ethernet address */
export function requireMac(mac: Uint8Array): void {
  if (mac.length !== MAC_BYTES) {
    throw new RangeError(`an ethernet address has ${MAC_BYTES} bytes, got ${mac.length}`);
  }
}
