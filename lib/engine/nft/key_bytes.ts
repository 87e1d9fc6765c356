import { addressBytes, parseAddress } from "../../model/address.ts";
import { protocolNumber } from "../../model/service.ts";
import { isRaw, keyBytes, type KeyPart, padded } from "./key_type.ts";

/** Words to bytes: the inverse of what key_type.ts reads. Undefined where they are no single value. */
type Encode = (text: string, bytes: number) => Uint8Array | undefined;

/** By nft's number of the type. */
const ENCODERS: Readonly<Record<number, Encode>> = {
  4: (text) => hostBytes(decimal(text)),
  7: address,
  8: address,
  12: (text) => numberBytes(protocolNumber(text), 1),
  13: (text) => numberBytes(decimal(text), 2),
  19: (text) => hostBytes(decimal(text)),
  23: (text) => hostBytes(priority(text)),
};

/** The bytes of a key or value in lb's spelling; undefined where it is a range or something else. */
export function valueBytes(parts: readonly KeyPart[], text: string): Uint8Array | undefined {
  const words = text.split(" . ");
  if (words.length !== parts.length) return undefined;
  const key = new Uint8Array(keyBytes(parts));
  let at = 0;
  for (const [index, part] of parts.entries()) {
    const encode = isRaw(part) ? raw : ENCODERS[part.type];
    const value = encode?.(words[index]!, part.bytes);
    if (!value) return undefined;
    key.set(value, at);
    at += padded(part.bytes);
  }
  return key;
}

function address(text: string, bytes: number): Uint8Array | undefined {
  const parsed = parseAddress(text);
  const value = parsed && addressBytes(parsed);
  return value?.length === bytes ? value : undefined;
}

function raw(text: string, bytes: number): Uint8Array | undefined {
  const isOne = new RegExp(`^0x[0-9a-f]{${bytes * 2}}$`).test(text);
  return isOne ? Uint8Array.fromHex(text.slice(2)) : undefined;
}

function decimal(text: string): number | undefined {
  return /^\d+$/.test(text) ? Number(text) : undefined;
}

/** `MAJOR:MINOR` in hexadecimal, or `none`. */
function priority(text: string): number | undefined {
  if (text === "none") return 0;
  const [, major, minor] = /^([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(text) ?? [];
  if (major === undefined || minor === undefined) return undefined;
  return (parseInt(major, 16) << 16 | parseInt(minor, 16)) >>> 0;
}

/** Little-endian, as every machine is that Deno runs on. */
function hostBytes(number: number | undefined): Uint8Array | undefined {
  return numberBytes(number, 4)?.reverse();
}

/** In the network's order. */
function numberBytes(number: number | undefined, bytes: number): Uint8Array | undefined {
  if (number === undefined || number >= 256 ** bytes) return undefined;
  return Uint8Array.from({ length: bytes }, (_, at) => number / 256 ** (bytes - 1 - at) & 0xff);
}
