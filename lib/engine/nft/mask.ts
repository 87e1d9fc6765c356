import { addressFromBytes, type Family, fullLength } from "../../model/address.ts";

/** A prefix length as a netmask in address form; undefined where it leaves the address whole. */
export function maskText(family: Family, length: number): string | undefined {
  if (length >= fullLength(family)) return undefined;
  const bytes = Uint8Array.from(
    { length: fullLength(family) / 8 },
    (_, index) => 0xff << (8 - Math.min(8, Math.max(0, length - index * 8))) & 0xff,
  );
  return addressFromBytes(bytes).text;
}
