import type { Family } from "../model/address.ts";
import { DecodeError } from "./attribute_reader.ts";

/** AF_INET and AF_INET6. */
const NUMBERS: Readonly<Record<Family, number>> = { 4: 2, 6: 10 };

/** The number of an IP version in the first byte of every family's header; 0 stands for both. */
export function familyNumber(family: Family | undefined): number {
  return family ? NUMBERS[family] : 0;
}

/** The IP version a message is about, from its first byte. @throws {DecodeError} where it is another's */
export function familyOf(body: DataView): Family {
  const number = body.byteLength > 0 ? body.getUint8(0) : 0;
  if (number === NUMBERS[4]) return 4;
  if (number === NUMBERS[6]) return 6;
  throw new DecodeError(`address family ${number}`);
}
