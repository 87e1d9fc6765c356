import { type Address, addressBytes, addressFromBytes, type Family } from "../../model/address.ts";
import { DecodeError } from "../attribute_reader.ts";

/** union nf_inet_addr: room for either family. */
const INET_ADDR_BYTES = 16;

/** The address as the kernel wants it, filled up with zeros. */
export function inetBytes(address: Address): Uint8Array {
  const bytes = new Uint8Array(INET_ADDR_BYTES);
  bytes.set(addressBytes(address));
  return bytes;
}

/** @throws {DecodeError} where it has another length */
export function inetAddress(bytes: Uint8Array, family: Family): Address {
  if (bytes.length !== INET_ADDR_BYTES) {
    throw new DecodeError(`an address of ${bytes.length} bytes`);
  }
  return addressFromBytes(family === 4 ? bytes.subarray(0, 4) : bytes);
}
