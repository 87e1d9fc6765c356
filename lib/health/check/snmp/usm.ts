import { createCipheriv, createDecipheriv, createHash, createHmac, randomBytes } from "node:crypto";
import { concat } from "../../../model/bytes.ts";
import type { Snmp } from "../../../model/service.ts";
import { Unwell } from "../failure.ts";

/** Whom we speak to, as RFC 3414 knows him. */
export interface Authority {
  readonly id: Uint8Array;
  readonly boots: number;
  readonly time_s: number;
}

/** A user's keys, for one authority. */
export interface Keys {
  readonly auth?: { readonly hash: HashName; readonly key: Uint8Array };
  readonly privacy?: { readonly cipher: NonNullable<Snmp["privacy"]>; readonly key: Uint8Array };
}

type HashName = "md5" | "sha1" | "sha256" | "sha512";

/** RFC 3414, 6 and 7; RFC 7860. */
const HASHES: Readonly<Record<NonNullable<Snmp["auth"]>, HashName>> = {
  md5: "md5",
  sha: "sha1",
  sha256: "sha256",
  sha512: "sha512",
};
const MAC_BYTES: Readonly<Record<HashName, number>> = { md5: 12, sha1: 12, sha256: 24, sha512: 48 };

const SPREAD_BYTES = 1024 * 1024;
const KEY_BYTES = 16;
const SALT_BYTES = 8;

/** Spreading a secret takes milliseconds, and many backends have the same. */
const spreads = new Map<string, Uint8Array>();

/** @param secrets as they are in their files */
export function keysFor(
  { auth, privacy }: Pick<Snmp, "auth" | "privacy">,
  secrets: { readonly auth?: string; readonly privacy?: string },
  engineId: Uint8Array,
): Keys {
  if (auth === undefined) return {};
  const hash = HASHES[auth];
  const key = localized(hash, secrets.auth ?? "", engineId);
  if (privacy === undefined) return { auth: { hash, key } };
  const secret = localized(hash, secrets.privacy ?? "", engineId).subarray(0, KEY_BYTES);
  return { auth: { hash, key }, privacy: { cipher: privacy, key: secret } };
}

/** How long a message's authentication is. */
export function macLength({ auth }: Keys): number {
  return auth ? MAC_BYTES[auth.hash] : 0;
}

/** Authenticates a message that has zeros in its place. */
export function macOf({ auth }: Keys, message: Uint8Array): Uint8Array {
  if (!auth) return new Uint8Array();
  const mac = createHmac(auth.hash, auth.key).update(message).digest();
  return mac.subarray(0, MAC_BYTES[auth.hash]);
}

/** A text made unreadable, and the salt that goes with it. */
export interface Sealed {
  readonly text: Uint8Array;
  readonly salt: Uint8Array;
}

/** RFC 3414, 8 (DES), and RFC 3826 (AES). */
export function seal({ privacy }: Keys, authority: Authority, text: Uint8Array): Sealed {
  if (!privacy) return { text, salt: new Uint8Array() };
  const salt = randomBytes(SALT_BYTES);
  const { cipher, key } = privacy;
  return {
    text: cipher === "aes"
      ? aesCfb(key, aesStart(authority, salt), text, "seal")
      : desCbc(key, salt, text, "seal"),
    salt,
  };
}

/** {@linkcode seal} back; what is behind the text of DES is filling. */
export function unseal(
  { privacy }: Keys,
  authority: Authority,
  { text, salt }: Sealed,
): Uint8Array {
  if (!privacy) return text;
  if (privacy.cipher === "aes") {
    return aesCfb(privacy.key, aesStart(authority, salt), text, "unseal");
  }
  if (salt.length !== SALT_BYTES || text.length % 8 !== 0) {
    throw new RangeError("not sealed by DES");
  }
  return desCbc(privacy.key, salt, text, "unseal");
}

/** RFC 3414, A.2: the secret over and over, hashed; then once more with the authority's name inside. */
function localized(hash: HashName, secret: string, engineId: Uint8Array): Uint8Array {
  if (secret === "") throw new Unwell("its SNMP secret is empty");
  const name = `${hash} ${secret}`;
  const spread = spreads.get(name) ?? spreadOf(hash, secret);
  spreads.set(name, spread);
  return createHash(hash).update(spread).update(engineId).update(spread).digest();
}

function spreadOf(hash: HashName, secret: string): Uint8Array {
  const bytes = new TextEncoder().encode(secret);
  const all = new Uint8Array(SPREAD_BYTES);
  for (let at = 0; at < SPREAD_BYTES; at += bytes.length) {
    all.set(bytes.subarray(0, SPREAD_BYTES - at), at);
  }
  return createHash(hash).update(all).digest();
}

type Way = "seal" | "unseal";

/** CFB of 128 bits out of ECB: Deno 2.9 has no aes-128-cfb. */
function aesCfb(key: Uint8Array, start: Uint8Array, text: Uint8Array, way: Way): Uint8Array {
  const block = createCipheriv("aes-128-ecb", key, null).setAutoPadding(false);
  const result = new Uint8Array(text.length);
  let previous = start;
  for (let at = 0; at < text.length; at += KEY_BYTES) {
    const mask: Uint8Array = block.update(previous);
    const piece = text.subarray(at, at + KEY_BYTES);
    const changed = piece.map((byte, index) => byte ^ mask[index]!);
    result.set(changed, at);
    previous = way === "seal" ? changed : piece;
    // A last, short one is followed by none.
    if (previous.length < KEY_BYTES) break;
  }
  block.final();
  return result;
}

function aesStart({ boots, time_s }: Authority, salt: Uint8Array): Uint8Array {
  if (salt.length !== SALT_BYTES) throw new RangeError("not sealed by AES");
  const numbers = new DataView(new ArrayBuffer(8));
  numbers.setUint32(0, boots);
  numbers.setUint32(4, time_s);
  return concat(new Uint8Array(numbers.buffer), salt);
}

/** DES is triple DES with the same key thrice: Deno 2.9 has no des-cbc. */
function desCbc(key: Uint8Array, salt: Uint8Array, text: Uint8Array, way: Way): Uint8Array {
  const single = key.subarray(0, 8);
  const start = salt.map((byte, index) => byte ^ key[8 + index]!);
  const make = way === "seal" ? createCipheriv : createDecipheriv;
  const cipher = make("des-ede3-cbc", concat(single, single, single), start);
  cipher.setAutoPadding(false);
  const filled = concat(text, new Uint8Array((8 - text.length % 8) % 8));
  return concat(cipher.update(filled), cipher.final());
}
