import { MSG_DONTWAIT, SOCK_CLOEXEC } from "./descriptor.ts";
import { lastErrno, libc } from "./ffi.ts";
import type { ServiceManager } from "./ports.ts";

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const MSG_NOSIGNAL = 0x4000;

/** struct sockaddr_un: two bytes of family, 108 of path. */
const PATH_BYTES_MAX = 108;

/**
 * The service manager that started this process, where one did and waits to hear (sd_notify(3)).
 */
export function serviceManager(): ServiceManager | undefined {
  const path = Deno.env.get("NOTIFY_SOCKET");
  if (!path) return undefined;
  const address = socketAddress(path);
  const watchdog_us = Number(Deno.env.get("WATCHDOG_USEC") ?? 0);
  return {
    watchdog_ms: watchdog_us > 0 ? watchdog_us / 1000 : undefined,
    tell: (...lines) => send(address, lines.join("\n")),
  };
}

/** A path that begins with `@` is of the abstract room, which begins with a NUL. */
function socketAddress(path: string): Uint8Array<ArrayBuffer> {
  const name = new TextEncoder().encode(path.replace(/^@/, "\0")).subarray(0, PATH_BYTES_MAX);
  const address = new Uint8Array(2 + name.length);
  new DataView(address.buffer).setUint16(0, AF_UNIX, true);
  address.set(name, 2);
  return address;
}

/** A manager that does not hear, or does not read, is no reason to fail or to wait. */
function send(address: Uint8Array<ArrayBuffer>, text: string): void {
  const fd = libc().socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return;
  try {
    if (libc().connect(fd, address, address.length) < 0) return;
    const bytes = new TextEncoder().encode(text);
    while (libc().send(fd, bytes, BigInt(bytes.length), MSG_DONTWAIT | MSG_NOSIGNAL) < 0n) {
      if (lastErrno() !== "EINTR") return;
    }
  } finally {
    libc().close(fd);
  }
}
