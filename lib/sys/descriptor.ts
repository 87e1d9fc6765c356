import { KernelError } from "../model/error.ts";
import { lastErrno, libc } from "./ffi.ts";

/** linux/socket.h. */
const AF_NETLINK = 16;
export const MSG_DONTWAIT = 0x40;
const SOCK_RAW = 3;
export const SOCK_CLOEXEC = 0o2000000;

/** asm-generic/socket.h and linux/netlink.h. */
export const SOL_SOCKET = 1;
export const SO_RCVBUFFORCE = 33;
export const SOL_NETLINK = 270;

/**
 * struct sockaddr_nl with port 0: the kernel picks one.
 *
 * @param groups multicast groups 1 to 32, as bits from 0 on
 */
export function netlinkAddress(groups = 0): Uint8Array<ArrayBuffer> {
  const view = new DataView(new ArrayBuffer(12));
  view.setUint16(0, AF_NETLINK, true);
  view.setUint32(8, groups, true);
  return new Uint8Array(view.buffer);
}

/** A raw socket of the kernel's, by its file descriptor. */
export class SocketDescriptor {
  /** What it is called in errors. */
  readonly #name: string;
  #fd: number;

  /** Of a descriptor that is open already. */
  constructor(fd: number, name: string) {
    this.#name = name;
    this.#fd = fd;
  }

  /** One of netlink's, not bound yet. @throws {KernelError} */
  static netlink(protocol: number): SocketDescriptor {
    return SocketDescriptor.open(AF_NETLINK, protocol, `netlink protocol ${protocol}`);
  }

  /** @throws {KernelError} */
  static open(family: number, protocol: number, name: string): SocketDescriptor {
    const fd = libc().socket(family, SOCK_RAW | SOCK_CLOEXEC, protocol);
    const socket = new SocketDescriptor(fd, name);
    if (fd < 0) throw socket.refused("socket", lastErrno());
    return socket;
  }

  /** -1 once it is closed. */
  get fd(): number {
    return this.#fd;
  }

  /** @throws {KernelError}, and is closed then */
  bind(address: Uint8Array<ArrayBuffer>): this {
    if (libc().bind(this.#fd, address, address.length) === 0) return this;
    const errno = lastErrno();
    this.close();
    throw this.refused("bind", errno);
  }

  /** Sets an option where the kernel has it. */
  trySet(level: number, option: number, value: Int32Array<ArrayBuffer>): void {
    libc().setsockopt(this.#fd, level, option, value, value.byteLength);
  }

  /** Sends the first bytes as one datagram. @throws {KernelError} */
  send(bytes: Uint8Array<ArrayBuffer>, length: number): void {
    while (libc().send(this.#fd, bytes, BigInt(length), 0) < 0n) {
      const errno = lastErrno();
      if (errno !== "EINTR") throw this.refused("send", errno);
    }
  }

  close(): void {
    if (this.#fd >= 0) libc().close(this.#fd);
    this.#fd = -1;
  }

  refused(operation: string, errno: string, message = "refused"): KernelError {
    return new KernelError({ operation, object: this.#name, errno, message });
  }
}
