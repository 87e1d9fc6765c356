/** Bob Jenkins' lookup3 as the kernel has it. Source: include/linux/jhash.h (linux 6.12). */
const JHASH_INITVAL = 0xdeadbeef;

/**
 * The kernel's `jhash(key, length, initval)` on a little-endian machine.
 *
 * @param key any length; words are read little-endian, as x86-64, arm64 and riscv64 kernels do
 * @returns an unsigned 32-bit integer
 */
export function jhash(key: Uint8Array, initval: number): number {
  let a = (JHASH_INITVAL + key.length + initval) | 0;
  let b = a;
  let c = a;
  let at = 0;
  for (; key.length - at > 12; at += 12) {
    [a, b, c] = mix(
      (a + word(key, at)) | 0,
      (b + word(key, at + 4)) | 0,
      (c + word(key, at + 8)) | 0,
    );
  }
  if (at === key.length) return c >>> 0;
  return final(
    (a + word(key, at)) | 0,
    (b + word(key, at + 4)) | 0,
    (c + word(key, at + 8)) | 0,
  );
}

/**
 * The kernel's `reciprocal_scale`: maps a hash to 0 … modulus − 1 by multiplication, not by remainder.
 * Source: include/linux/kernel.h; nft_hash.c uses it for `jhash … mod M`.
 *
 * @param modulus at most 2^20, so that the product is exact in a double
 */
export function reciprocalScale(hash: number, modulus: number): number {
  return Math.floor(hash * modulus / 2 ** 32);
}

/** Four bytes, little-endian; bytes past the end count as zero, which is what the kernel's switch adds. */
function word(key: Uint8Array, at: number): number {
  return (key[at] ?? 0) | (key[at + 1] ?? 0) << 8 | (key[at + 2] ?? 0) << 16 |
    (key[at + 3] ?? 0) << 24;
}

function rol(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}

/** `__jhash_mix` */
function mix(a: number, b: number, c: number): [number, number, number] {
  a = (a - c) ^ rol(c, 4);
  c = (c + b) | 0;
  b = (b - a) ^ rol(a, 6);
  a = (a + c) | 0;
  c = (c - b) ^ rol(b, 8);
  b = (b + a) | 0;
  a = (a - c) ^ rol(c, 16);
  c = (c + b) | 0;
  b = (b - a) ^ rol(a, 19);
  a = (a + c) | 0;
  c = (c - b) ^ rol(b, 4);
  b = (b + a) | 0;
  return [a, b, c];
}

/** `__jhash_final` */
function final(a: number, b: number, c: number): number {
  c = (c ^ b) - rol(b, 14);
  a = (a ^ c) - rol(c, 11);
  b = (b ^ a) - rol(a, 25);
  c = (c ^ b) - rol(b, 16);
  a = (a ^ c) - rol(c, 4);
  b = (b ^ a) - rol(a, 14);
  c = (c ^ b) - rol(b, 24);
  return c >>> 0;
}
