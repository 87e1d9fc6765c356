import {
  MSG_DONTWAIT,
  netlinkAddress,
  SO_RCVBUFFORCE,
  SocketDescriptor,
  SOL_NETLINK,
  SOL_SOCKET,
} from "./descriptor.ts";
import { lastErrno, libc } from "./ffi.ts";
import type { AdoptedSocketsPort, BatchOptions, BatchSocket, BatchSocketsPort } from "./ports.ts";

const SO_RCVTIMEO = 20;
const NETLINK_NO_ENOBUFS = 5;
const MSG_WAITFORONE = 0x10000;

/** struct mmsghdr and struct iovec of 64-bit machines; both C libraries lay them out alike. */
const MMSGHDR_BYTES = 64;
const MSG_IOV_AT = 16;
const MSG_IOVLEN_AT = 24;
const MSG_LEN_AT = 56;
const IOVEC_BYTES = 16;

/** The kernel counts some 1,300 bytes for a queued packet's message, so that a full queue of 1,024 has room. */
const RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024;

/** The kernel's own sockets, through libc. */
export const batchSockets: BatchSocketsPort & AdoptedSocketsPort = {
  netlink(protocol, options) {
    const socket = SocketDescriptor.netlink(protocol);
    setUp(socket, options);
    return new MmsgSocket(socket.bind(netlinkAddress(options.groups)), options);
  },
  adopt(fd, options) {
    const socket = new SocketDescriptor(fd, `netlink socket ${fd}`);
    setUp(socket, options);
    return new MmsgSocket(socket, options, false);
  },
};

function setUp(socket: SocketDescriptor, options: BatchOptions): void {
  const { timeout_ms, groups = 0, buffer_bytes = RECEIVE_BUFFER_BYTES } = options;
  socket.trySet(SOL_SOCKET, SO_RCVBUFFORCE, Int32Array.of(buffer_bytes));
  socket.trySet(SOL_SOCKET, SO_RCVTIMEO, timeval(timeout_ms));
  if (groups === 0) socket.trySet(SOL_NETLINK, NETLINK_NO_ENOBUFS, Int32Array.of(1));
}

/** struct timeval: seconds and microseconds, each of 64 bits. */
function timeval(timeout_ms: number): Int32Array<ArrayBuffer> {
  return Int32Array.of(Math.floor(timeout_ms / 1000), 0, timeout_ms % 1000 * 1000, 0);
}

/** Reads by recvmmsg(2). What that takes is made once: the kernel is handed the same addresses each time. */
class MmsgSocket implements BatchSocket {
  readonly #socket: SocketDescriptor;
  readonly #count: number;
  readonly #headers: Uint8Array<ArrayBuffer>;
  readonly #header_words: Uint32Array<ArrayBuffer>;
  readonly #iovecs: Uint8Array<ArrayBuffer>;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly stride_bytes: number;

  readonly #isOurs: boolean;

  constructor(
    socket: SocketDescriptor,
    { datagrams, datagram_bytes }: BatchOptions,
    isOurs = true,
  ) {
    this.#socket = socket;
    this.#isOurs = isOurs;
    this.#count = datagrams;
    this.stride_bytes = datagram_bytes;
    this.bytes = memory(datagrams * datagram_bytes);
    this.#iovecs = memory(datagrams * IOVEC_BYTES);
    this.#headers = memory(datagrams * MMSGHDR_BYTES);
    this.#header_words = new Uint32Array(this.#headers.buffer);
    this.#layOut();
  }

  receive(waits = true, most = this.#count): number {
    const flags = waits ? MSG_WAITFORONE : MSG_DONTWAIT;
    for (;;) {
      const { fd } = this.#socket;
      // Its own time-out is of no use: it is looked at after a datagram only (recvmmsg(2), bugs).
      const count = libc().recvmmsg(fd, this.#headers, Math.min(most, this.#count), flags, null);
      if (count >= 0) return count;
      const errno = lastErrno();
      if (errno === "EAGAIN") return 0;
      if (errno !== "EINTR") throw this.#socket.refused("receive", errno);
    }
  }

  lengthOf(index: number): number {
    return this.#header_words[(index * MMSGHDR_BYTES + MSG_LEN_AT) >>> 2] ?? 0;
  }

  send(bytes: Uint8Array<ArrayBuffer>, length: number): void {
    this.#socket.send(bytes, length);
  }

  close(): void {
    if (this.#isOurs) this.#socket.close();
  }

  #layOut(): void {
    const [headers, iovecs] = [this.#headers, this.#iovecs].map(({ buffer }) =>
      new DataView(buffer)
    );
    const [iovec_address, address] = [addressOf(this.#iovecs), addressOf(this.bytes)];
    for (let index = 0; index < this.#count; index++) {
      const at = index * IOVEC_BYTES;
      iovecs!.setBigUint64(at, address + BigInt(index * this.stride_bytes), true);
      iovecs!.setBigUint64(at + 8, BigInt(this.stride_bytes), true);
      const header_at = index * MMSGHDR_BYTES;
      headers!.setBigUint64(header_at + MSG_IOV_AT, iovec_address + BigInt(at), true);
      headers!.setBigUint64(header_at + MSG_IOVLEN_AT, 1n, true);
    }
  }
}

/** Bytes that stay where they are: V8 moves small arrays that have no buffer of their own. */
function memory(size: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(new ArrayBuffer(size));
}

function addressOf(bytes: Uint8Array<ArrayBuffer>): bigint {
  return Deno.UnsafePointer.value(Deno.UnsafePointer.of(bytes));
}
