import { MSG_DONTWAIT, netlinkAddress, SocketDescriptor } from "./descriptor.ts";
import { lastErrno, libc } from "./ffi.ts";
import { files } from "./files.ts";
import type { HeldSocket, HeldSocketsPort } from "./ports.ts";

/** fcntl(2). */
const F_SETFD = 2;
const FD_CLOEXEC = 1;

/** The same on every architecture that came after them (linux/include/uapi/asm-generic/unistd.h). */
const SYS_PIDFD_OPEN = 434n;
const SYS_PIDFD_GETFD = 438n;

/** linux/prctl.h: "Yama", and whoever may trace us by the other rules. */
const PR_SET_PTRACER = 0x59616d61;
const PR_SET_PTRACER_ANY = -1n;

/** Sockets that are handed on, through libc. */
export const heldSockets: HeldSocketsPort = {
  netlink(protocol) {
    return new Held(SocketDescriptor.netlink(protocol).bind(netlinkAddress()));
  },

  take(pid, fd, name) {
    if (files.readLink(`/proc/${pid}/fd/${fd}`) !== name) return undefined;
    const socket = new SocketDescriptor(descriptorOf(pid, fd), name);
    if (socket.fd < 0) return undefined;
    // It may have closed it, and opened another, since we looked.
    if (files.readLink(`/proc/self/fd/${socket.fd}`) === name) return new Held(socket);
    socket.close();
    return undefined;
  },

  allowTaking() {
    libc().prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0n, 0n, 0n);
  },

  inherited: (fd) => new Held(new SocketDescriptor(fd, `inherited socket ${fd}`), FD_CLOEXEC),
};

/** A copy of another process's descriptor; below 0 where it cannot be had. */
function descriptorOf(pid: number, fd: number): number {
  const process = libc().syscall(SYS_PIDFD_OPEN, BigInt(pid), 0n, 0n);
  if (process < 0n) return -1;
  try {
    return Number(libc().syscall(SYS_PIDFD_GETFD, process, BigInt(fd), 0n));
  } finally {
    libc().close(Number(process));
  }
}

class Held implements HeldSocket {
  readonly #socket: SocketDescriptor;
  readonly #scrap = new Uint8Array(1);
  readonly name: string;

  /** @param flags of the descriptor: 0 where programs that we start inherit it */
  constructor(socket: SocketDescriptor, flags = 0) {
    this.#socket = socket;
    if (libc().fcntl(socket.fd, F_SETFD, flags) < 0) throw socket.refused("fcntl", lastErrno());
    this.name = files.readLink(`/proc/self/fd/${socket.fd}`) ?? "";
  }

  get fd(): number {
    return this.#socket.fd;
  }

  send(bytes: Uint8Array): void {
    this.#socket.send(new Uint8Array(bytes), bytes.length);
  }

  discard(): void {
    while (libc().recv(this.fd, this.#scrap, 1n, MSG_DONTWAIT) >= 0n || lastErrno() === "EINTR");
  }

  close(): void {
    this.#socket.close();
  }
}
