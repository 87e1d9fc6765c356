import {
  MSG_DONTWAIT,
  netlinkAddress,
  SO_RCVBUFFORCE,
  SocketDescriptor,
  SOL_NETLINK,
  SOL_SOCKET,
} from "./descriptor.ts";
import { lastErrno, libc } from "./ffi.ts";
import type { RawSocket, SocketsPort } from "./ports.ts";

const AF_PACKET = 17;
const NETLINK_EXT_ACK = 11;
const NETLINK_GET_STRICT_CHK = 12;
const ETH_P_ALL = 0x0003;
const MSG_TRUNC = 0x20;
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
    const socket = SocketDescriptor.netlink(protocol);
    for (const [level, option, value] of NETLINK_OPTIONS) {
      socket.trySet(level, option, Int32Array.of(value));
    }
    return new DatagramSocket(socket.bind(netlinkAddress()));
  },
  packet(ifindex) {
    // Protocol 0 until it is bound, or frames of every interface would come in before.
    const socket = SocketDescriptor.open(AF_PACKET, 0, `packet socket of interface ${ifindex}`);
    return new DatagramSocket(socket.bind(packetAddress(ifindex)));
  },
};

/** struct sockaddr_ll; its protocol is in network order. */
function packetAddress(ifindex: number): Uint8Array<ArrayBuffer> {
  const view = new DataView(new ArrayBuffer(20));
  view.setUint16(0, AF_PACKET, true);
  view.setUint16(2, ETH_P_ALL, false);
  view.setInt32(4, ifindex, true);
  return new Uint8Array(view.buffer);
}

class DatagramSocket implements RawSocket {
  readonly #socket: SocketDescriptor;
  readonly #buffer = new Uint8Array(DATAGRAM_BYTES_MAX);

  constructor(socket: SocketDescriptor) {
    this.#socket = socket;
  }

  send(bytes: Uint8Array): void {
    this.#socket.send(new Uint8Array(bytes), bytes.length);
  }

  receive(): Uint8Array {
    const deadline_ms = performance.now() + SILENCE_MS;
    for (;;) {
      const flags = MSG_DONTWAIT | MSG_TRUNC;
      const length = libc().recv(this.#socket.fd, this.#buffer, BigInt(DATAGRAM_BYTES_MAX), flags);
      if (length >= 0n) return this.#taken(Number(length));
      const errno = lastErrno();
      if (errno === "EAGAIN") this.#wait(deadline_ms - performance.now());
      else if (errno !== "EINTR") throw this.#socket.refused("receive", errno);
    }
  }

  close(): void {
    this.#socket.close();
  }

  /** MSG_TRUNC makes recv(2) give the datagram's length, also where the buffer is shorter. */
  #taken(length: number): Uint8Array {
    if (length > DATAGRAM_BYTES_MAX) throw this.#socket.refused("receive", "EMSGSIZE");
    return this.#buffer.slice(0, length);
  }

  #wait(timeout_ms: number): void {
    const request = new DataView(new ArrayBuffer(8));
    request.setInt32(0, this.#socket.fd, true);
    request.setInt16(4, POLLIN, true);
    if (timeout_ms <= 0) throw this.#silence();
    const ready = libc().poll(new Uint8Array(request.buffer), 1n, Math.ceil(timeout_ms));
    // Whatever came, recv(2) is asked again: it has the deadline, and the better words.
    if (ready < 0 && lastErrno() !== "EINTR") throw this.#socket.refused("poll", lastErrno());
  }

  #silence(): Error {
    const words = `no answer within ${SILENCE_MS / 1000} s`;
    return this.#socket.refused("receive", "ETIMEDOUT", words);
  }
}
