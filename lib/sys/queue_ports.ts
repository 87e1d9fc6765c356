/** Sockets as the queue worker takes them: of many messages a second, and such as outlive it. Types only. */

/** How a {@linkcode BatchSocket} is set up. */
export interface BatchOptions {
  /** How many datagrams are read at once, and how long one can be. */
  readonly datagrams: number;
  readonly datagram_bytes: number;
  /** How long to wait for the first of them. */
  readonly timeout_ms: number;
  /**
   * Multicast groups 1 to 32 to listen to, as bits from 0 on. With any, it is told when something got lost:
   * {@linkcode BatchSocket.receive} throws ENOBUFS then, once.
   *
   * @default 0
   */
  readonly groups?: number;
  /** What the kernel may keep for us until we read it. @default 4 MiB */
  readonly buffer_bytes?: number;
}

/** A socket of which many datagrams are read at once, into the same places each time. */
export interface BatchSocket {
  /** The datagram of index i begins at i times this. */
  readonly stride_bytes: number;
  /** All places, one after the other. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /**
   * Waits for a datagram and reads all that are there; blocks this thread meanwhile.
   *
   * @param waits false reads only what is there already. @default true
   * @param most so many at most, from 1 on. @default as many as have a place
   * @returns how many; 0 after the time-out
   * @throws {KernelError}
   */
  receive(waits?: boolean, most?: number): number;
  /** Bytes of the datagram of that index; of one that was longer than its place, those that are there. */
  lengthOf(index: number): number;
  /** Sends the first bytes as one datagram. @throws {KernelError} */
  send(bytes: Uint8Array<ArrayBuffer>, length: number): void;
  close(): void;
}

/** Sockets for many small messages a second. */
export interface BatchSocketsPort {
  /** AF_NETLINK, SOCK_RAW; without groups, what gets lost because we were slow is not told (NETLINK_NO_ENOBUFS). */
  netlink(protocol: number, options: BatchOptions): BatchSocket;
}

/** Sockets for many small messages that somebody else opened. */
export interface AdoptedSocketsPort {
  /** One that stays open when this one is closed. */
  adopt(fd: number, options: BatchOptions): BatchSocket;
}

/**
 * A socket that outlives whoever reads from it: programs we start inherit it by its number, and a successor
 * can take it from us.
 */
export interface HeldSocket {
  readonly fd: number;
  /** What tells it from every other socket of this machine, in all processes: `socket:[INODE]`. */
  readonly name: string;
  /** @throws {KernelError} */
  send(bytes: Uint8Array): void;
  /** Throws away what waits to be read. Never waits. */
  discard(): void;
  close(): void;
}

/** Sockets that are handed on. */
export interface HeldSocketsPort {
  /** AF_NETLINK, SOCK_RAW. @throws {KernelError} */
  netlink(protocol: number): HeldSocket;
  /**
   * One that another process holds (pidfd_getfd(2), linux 5.6).
   *
   * @param name what it is called: another socket that has come to have this number is not taken
   * @returns undefined where there is no such socket, or it cannot be had
   */
  take(pid: number, fd: number, name: string): HeldSocket | undefined;
  /** Lets a successor of the same user take ours where Yama would forbid it (prctl(2), PR_SET_PTRACER). */
  allowTaking(): void;
  /** One that whoever started us has left to us; programs that we start do not inherit it. */
  inherited(fd: number): HeldSocket;
}
