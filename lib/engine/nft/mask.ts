import { type Family, fullLength, networkOf } from "../../model/address.ts";

const ALL_ONES = { 4: "255.255.255.255", 6: "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" } as const;

/** A prefix length as a netmask in address form; undefined where it leaves the address whole. */
export function maskText(family: Family, length: number): string | undefined {
  if (length >= fullLength(family)) return undefined;
  return networkOf({ family, text: ALL_ONES[family] }, length).text;
}
