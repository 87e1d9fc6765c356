import { SOCK_CLOEXEC, SOL_SOCKET } from "./descriptor.ts";
import { libc } from "./ffi.ts";

const AF_INET = 2;
const SOCK_DGRAM = 2;
/** asm-generic/socket.h, since linux 5.14. */
const SO_NETNS_COOKIE = 71;

/**
 * Which network namespace this is. Unlike the inode number of /proc/self/ns/net, which the next
 * namespace gets as soon as this one is gone, the kernel never gives a cookie twice in one boot
 * (net/core/net_namespace.c, net_gen_cookie).
 *
 * @returns undefined on kernels before 5.14
 */
export function netnsCookie(): string | undefined {
  const fd = libc().socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return undefined;
  try {
    const cookie = new BigUint64Array(1);
    const length = new Uint32Array([cookie.byteLength]);
    const result = libc().getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, cookie, length);
    return result === 0 ? `${cookie[0]}` : undefined;
  } finally {
    libc().close(fd);
  }
}
