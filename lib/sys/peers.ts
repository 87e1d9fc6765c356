import { type Address, addressBytes, formatEndpoint, parseAddress } from "../model/address.ts";
import { errnoName } from "../model/errno.ts";
import { KernelError } from "../model/error.ts";
import { SOCK_CLOEXEC, SOL_SOCKET } from "./descriptor.ts";
import { lastErrno, libc } from "./ffi.ts";
import type { Peer, PeerSocket, PeersPort } from "./ports.ts";
import { EPOLLIN, EPOLLOUT, Readiness } from "./readiness.ts";

/** asm-generic/socket.h, linux/in.h, linux/in6.h. */
const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
const SOCK_RAW = 3;
const SOCK_NONBLOCK = 0o4000;
const SO_ERROR = 4;
const SO_BINDTODEVICE = 25;
const IPPROTO_IP = 0;
const IPPROTO_ICMP = 1;
const IPPROTO_IPV6 = 41;
const IPPROTO_ICMPV6 = 58;
const IP_RECVERR = 11;
const IP_BIND_ADDRESS_NO_PORT = 24;
const IPV6_RECVERR = 25;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;

/** The longest datagram, and more than a connection gives at a time. */
const RECEIVE_BYTES = 64 * 1024;

const readiness = new Readiness();
const buffer = new Uint8Array(RECEIVE_BYTES);

/** Real machines, through libc: Deno's own sockets neither choose their source nor hear of ICMP errors. */
export const peers: PeersPort = {
  now_ms: () => performance.now(),

  tcp: async (peer, until_ms) => await Socket.open(peer, SOCK_STREAM, 0).connected(until_ms),

  udp: (peer) => Socket.open(peer, SOCK_DGRAM, 0).hearing().pointed(),

  icmp(peer) {
    const protocol = peer.address.family === 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6;
    return Socket.open(peer, SOCK_RAW, protocol).hearing().pointed();
  },
};

class Socket implements PeerSocket {
  readonly #peer: Peer;
  readonly #isStream: boolean;
  #fd: number;

  private constructor(peer: Peer, kind: number, fd: number) {
    this.#peer = peer;
    this.#isStream = kind === SOCK_STREAM;
    this.#fd = fd;
  }

  /** Sends from where it should. @throws {KernelError} */
  static open(peer: Peer, kind: number, protocol: number): Socket {
    const family = peer.address.family === 4 ? AF_INET : AF_INET6;
    const fd = libc().socket(family, kind | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
    const socket = new Socket(peer, kind, fd);
    if (fd < 0) throw socket.#refused("socket", lastErrno());
    if (peer.source !== undefined) socket.#bind(peer.source);
    return socket;
  }

  trySet(level: number, option: number, value: Int32Array<ArrayBuffer>): void {
    libc().setsockopt(this.#fd, level, option, value, value.byteLength);
  }

  /** "Host unreachable" is an error only to who has asked for it: udp_err in net/ipv4/udp.c. */
  hearing(): this {
    if (this.#peer.address.family === 4) this.trySet(IPPROTO_IP, IP_RECVERR, Int32Array.of(1));
    else this.trySet(IPPROTO_IPV6, IPV6_RECVERR, Int32Array.of(1));
    return this;
  }

  /** @throws {KernelError} */
  pointed(): this {
    const errno = this.#connect();
    if (errno) throw this.#failed("connect", errno);
    return this;
  }

  /** @throws {KernelError} */
  async connected(until_ms: number): Promise<this> {
    let errno = this.#connect();
    if (errno === "EINPROGRESS") {
      const isReady = await readiness.wait(this.#fd, EPOLLOUT, until_ms);
      errno = isReady ? this.#pendingError() : "ETIMEDOUT";
    }
    if (errno) throw this.#failed("connect", errno);
    return this;
  }

  async send(bytes: Uint8Array<ArrayBuffer>, until_ms: number): Promise<void> {
    for (let at = 0; at < bytes.length;) {
      const rest = bytes.subarray(at);
      const sent = libc().send(this.#fd, rest, BigInt(rest.length), MSG_DONTWAIT | MSG_NOSIGNAL);
      if (sent >= 0n) at += Number(sent);
      else await this.#retry("send", lastErrno(), EPOLLOUT, until_ms);
    }
  }

  async receive(until_ms: number): Promise<Uint8Array<ArrayBuffer> | undefined> {
    for (;;) {
      const length = libc().recv(this.#fd, buffer, BigInt(buffer.length), MSG_DONTWAIT);
      if (length === 0n && this.#isStream) return undefined;
      if (length >= 0n) return buffer.slice(0, Number(length));
      await this.#retry("receive", lastErrno(), EPOLLIN, until_ms);
    }
  }

  close(): void {
    if (this.#fd < 0) return;
    readiness.forget(this.#fd);
    libc().close(this.#fd);
    this.#fd = -1;
  }

  async #retry(operation: string, errno: string, event: number, until_ms: number): Promise<void> {
    if (errno === "EINTR") return;
    if (errno !== "EAGAIN") throw this.#refused(operation, errno);
    if (await readiness.wait(this.#fd, event, until_ms)) return;
    throw this.#refused(operation, this.#fd < 0 ? "EBADF" : "ETIMEDOUT");
  }

  #bind(source: string): void {
    const address = parseAddress(source);
    if (address) this.trySet(IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, Int32Array.of(1));
    const name = new TextEncoder().encode(source);
    const target = address && socketAddress(address, 0);
    const result = target
      ? libc().bind(this.#fd, target, target.length)
      : libc().setsockopt(this.#fd, SOL_SOCKET, SO_BINDTODEVICE, name, name.length);
    if (result !== 0) throw this.#failed("bind", lastErrno());
  }

  /** @returns why not, if it is not connected at once */
  #connect(): string | undefined {
    const target = socketAddress(this.#peer.address, this.#peer.port);
    return libc().connect(this.#fd, target, target.length) === 0 ? undefined : lastErrno();
  }

  #pendingError(): string | undefined {
    const [error, length] = [new Int32Array(1), Uint32Array.of(4)];
    libc().getsockopt(this.#fd, SOL_SOCKET, SO_ERROR, error, length);
    return error[0] === 0 ? undefined : errnoName(error[0]!);
  }

  #failed(operation: string, errno: string): KernelError {
    this.close();
    return this.#refused(operation, errno);
  }

  #refused(operation: string, errno: string): KernelError {
    const object = formatEndpoint(this.#peer.address, this.#peer.port || undefined);
    return new KernelError({ operation, object, errno, message: "failed" });
  }
}

/** struct sockaddr_in or sockaddr_in6. */
function socketAddress(address: Address, port: number): Uint8Array<ArrayBuffer> {
  const isV4 = address.family === 4;
  const bytes = new Uint8Array(isV4 ? 16 : 28);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, isV4 ? AF_INET : AF_INET6, true);
  view.setUint16(2, port);
  bytes.set(addressBytes(address), isV4 ? 4 : 8);
  return bytes;
}
