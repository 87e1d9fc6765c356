/** Test equipment: the socket of a service manager, and what came in there. */
import assert from "node:assert/strict";
import { libc } from "../lib/sys/ffi.ts";

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;
const MSG_DONTWAIT = 0x40;
const DATAGRAM_BYTES_MAX = 1_000;

/** One that waits to hear every second. */
export interface ServiceManager {
  /** What the program is started with, as `NAME=VALUE`. */
  readonly environment: readonly string[];
  /** Hears no more. @returns what it has heard */
  close(): string[];
}

/** @param name a path, or an abstract name that begins with `@` */
export function serviceManager(name: string): ServiceManager {
  const path = new TextEncoder().encode(name.replace(/^@/, "\0"));
  const address = new Uint8Array([AF_UNIX, 0, ...path]);
  const fd = libc().socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  assert.equal(libc().bind(fd, address, address.length), 0);
  return {
    environment: [`NOTIFY_SOCKET=${name}`, "WATCHDOG_USEC=1000000"],
    close() {
      const heard = [...datagrams(fd)];
      libc().close(fd);
      return heard;
    },
  };
}

function* datagrams(fd: number): Generator<string> {
  const bytes = new Uint8Array(DATAGRAM_BYTES_MAX);
  for (;;) {
    const length = libc().recv(fd, bytes, BigInt(bytes.length), MSG_DONTWAIT);
    if (length < 0n) return;
    yield new TextDecoder().decode(bytes.subarray(0, Number(length)));
  }
}
