import { KernelError } from "../model/error.ts";
import { lastErrno, libc } from "./ffi.ts";
import type { RawSocket, SocketsPort } from "./ports.ts";

const AF_NETLINK = 16;
const AF_PACKET = 17;
const SOCK_RAW = 3;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_RCVBUFFORCE = 33;
const SOL_NETLINK = 270;
const NETLINK_EXT_ACK = 11;
const NETLINK_GET_STRICT_CHK = 12;
const ETH_P_ALL = 0x0003;
const MSG_TRUNC = 0x20;
const MSG_DONTWAIT = 0x40;
const POLLIN = 1;

const SILENCE_MS = 5_000;

/** Above the 32 KiB a netlink dump fills at most, and above the largest frame GRO puts together. */
const DATAGRAM_BYTES_MAX = 128 * 1024;

const RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024;

/**
 * Wanted on every netlink socket, done without where the kernel lacks it: extended acks came with
 * 4.12, strict checking with 4.20, and the buffer size needs CAP_NET_ADMIN.
 */
const NETLINK_OPTIONS = [
  [SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER_BYTES],
  [SOL_NETLINK, NETLINK_EXT_ACK, 1],
  [SOL_NETLINK, NETLINK_GET_STRICT_CHK, 1],
] as const;

/** The kernel's own sockets, through libc. */
export const sockets: SocketsPort = {
  netlink(protocol) {
    const socket = new DatagramSocket(AF_NETLINK, protocol, `netlink protocol ${protocol}`);
    for (const [level, option, value] of NETLINK_OPTIONS) socket.trySet(level, option, value);
    return socket.bind(netlinkAddress());
  },
  packet(ifindex) {
    // Protocol 0 until it is bound, or frames of every interface would come in before.
    return new DatagramSocket(AF_PACKET, 0, `packet socket of interface ${ifindex}`)
      .bind(packetAddress(ifindex));
  },
};

/** struct sockaddr_nl with port 0: the kernel picks one. */
function netlinkAddress(): Uint8Array<ArrayBuffer> {
  const view = new DataView(new ArrayBuffer(12));
  view.setUint16(0, AF_NETLINK, true);
  return new Uint8Array(view.buffer);
}

/** struct sockaddr_ll; its protocol is in network order. */
function packetAddress(ifindex: number): Uint8Array<ArrayBuffer> {
  const view = new DataView(new ArrayBuffer(20));
  view.setUint16(0, AF_PACKET, true);
  view.setUint16(2, ETH_P_ALL, false);
  view.setInt32(4, ifindex, true);
  return new Uint8Array(view.buffer);
}

class DatagramSocket implements RawSocket {
  readonly #name: string;
  readonly #buffer = new Uint8Array(DATAGRAM_BYTES_MAX);
  #fd: number;

  constructor(family: number, protocol: number, name: string) {
    this.#name = name;
    this.#fd = libc().socket(family, SOCK_RAW | SOCK_CLOEXEC, protocol);
    if (this.#fd < 0) throw this.#refused("socket", lastErrno());
  }

  bind(address: Uint8Array<ArrayBuffer>): this {
    if (libc().bind(this.#fd, address, address.length) === 0) return this;
    const errno = lastErrno();
    this.close();
    throw this.#refused("bind", errno);
  }

  trySet(level: number, option: number, value: number): void {
    libc().setsockopt(this.#fd, level, option, Int32Array.of(value), 4);
  }

  send(bytes: Uint8Array): void {
    const datagram = new Uint8Array(bytes);
    while (libc().send(this.#fd, datagram, BigInt(datagram.length), 0) < 0n) {
      const errno = lastErrno();
      if (errno !== "EINTR") throw this.#refused("send", errno);
    }
  }

  receive(): Uint8Array {
    const deadline_ms = performance.now() + SILENCE_MS;
    for (;;) {
      const flags = MSG_DONTWAIT | MSG_TRUNC;
      const length = libc().recv(this.#fd, this.#buffer, BigInt(DATAGRAM_BYTES_MAX), flags);
      if (length >= 0n) return this.#taken(Number(length));
      const errno = lastErrno();
      if (errno === "EAGAIN") this.#wait(deadline_ms - performance.now());
      else if (errno !== "EINTR") throw this.#refused("receive", errno);
    }
  }

  close(): void {
    if (this.#fd >= 0) libc().close(this.#fd);
    this.#fd = -1;
  }

  /** MSG_TRUNC makes recv(2) give the datagram's length, also where the buffer is shorter. */
  #taken(length: number): Uint8Array {
    if (length > DATAGRAM_BYTES_MAX) throw this.#refused("receive", "EMSGSIZE");
    return this.#buffer.slice(0, length);
  }

  #wait(timeout_ms: number): void {
    const request = new DataView(new ArrayBuffer(8));
    request.setInt32(0, this.#fd, true);
    request.setInt16(4, POLLIN, true);
    if (timeout_ms <= 0) throw this.#refused("receive", "ETIMEDOUT");
    const ready = libc().poll(new Uint8Array(request.buffer), 1n, Math.ceil(timeout_ms));
    // Whatever came, recv(2) is asked again: it has the deadline, and the better words.
    if (ready < 0 && lastErrno() !== "EINTR") throw this.#refused("poll", lastErrno());
  }

  #refused(operation: string, errno: string): KernelError {
    const message = errno === "ETIMEDOUT" ? `no answer within ${SILENCE_MS / 1000} s` : "refused";
    return new KernelError({ operation, object: this.#name, errno, message });
  }
}
