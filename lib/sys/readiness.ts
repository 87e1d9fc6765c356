import { KernelError } from "../model/error.ts";
import { lastErrno, libc } from "./ffi.ts";

/** linux/eventpoll.h. */
export const EPOLLIN = 0x001;
export const EPOLLOUT = 0x004;
const EPOLLONESHOT = 1 << 30;
const EPOLL_CLOEXEC = 0o2000000;
const EPOLL_CTL_ADD = 1;
const EPOLL_CTL_MOD = 3;

/** struct epoll_event is packed on x86_64, and only there. */
const LAYOUT = Deno.build.arch === "x86_64" ? { bytes: 12, data_at: 4 } : { bytes: 16, data_at: 8 };

const EVENTS_MAX = 256;

/** How late a time-out can be. */
const SLICE_MS = 10;

interface Waiter {
  /** Tells it from those that had the same descriptor before: an event may be about one of them. */
  readonly serial: number;
  readonly until_ms: number;
  readonly tell: (isReady: boolean) => void;
}

/**
 * Waits for many sockets at once, on one thread beside this one, for as long as there is one to wait for.
 * epoll(7), because a socket can join while that thread is waiting.
 */
export class Readiness {
  readonly #waiters = new Map<number, Waiter>();
  readonly #events = new Uint8Array(EVENTS_MAX * LAYOUT.bytes);
  #fd = -1;
  #serial = 0;
  #expired_ms = 0;

  /** Whether the socket became ready in time. One may wait for it at a time. @throws {KernelError} */
  async wait(fd: number, events: number, until_ms: number): Promise<boolean> {
    const isIdle = this.#fd < 0;
    if (isIdle) this.#open();
    const serial = this.#serial = (this.#serial + 1) >>> 0;
    const errno = this.#watch(fd, events, serial);
    if (errno && isIdle) this.#close();
    if (errno) throw refused("epoll_ctl", errno);
    const ready = new Promise<boolean>((tell) => this.#waiters.set(fd, { serial, until_ms, tell }));
    if (isIdle) this.#run();
    return await ready;
  }

  /** To be said before it is closed: whoever waits for it is told that it is not ready. */
  forget(fd: number): void {
    this.#answer(fd, false);
  }

  #open(): void {
    this.#fd = libc().epoll_create1(EPOLL_CLOEXEC);
    if (this.#fd < 0) throw refused("epoll_create1", lastErrno());
  }

  /** @returns why not */
  #watch(fd: number, events: number, serial: number): string | undefined {
    const event = new DataView(new ArrayBuffer(LAYOUT.bytes));
    event.setUint32(0, events | EPOLLONESHOT, true);
    event.setInt32(LAYOUT.data_at, fd, true);
    event.setUint32(LAYOUT.data_at + 4, serial, true);
    const bytes = new Uint8Array(event.buffer);
    if (libc().epoll_ctl(this.#fd, EPOLL_CTL_MOD, fd, bytes) === 0) return undefined;
    const added = libc().epoll_ctl(this.#fd, EPOLL_CTL_ADD, fd, bytes);
    return added === 0 ? undefined : lastErrno();
  }

  async #run(): Promise<void> {
    while (this.#waiters.size > 0) {
      const asked_ms = performance.now();
      const count = await libc().epoll_wait(this.#fd, this.#events, EVENTS_MAX, SLICE_MS);
      this.#tell(count);
      // Who is ready is told first, and nobody is late because we were.
      if (count < EVENTS_MAX) this.#expire(asked_ms);
    }
    this.#close();
  }

  #tell(count: number): void {
    const view = new DataView(this.#events.buffer);
    for (let index = 0; index < count; index++) {
      const at = index * LAYOUT.bytes + LAYOUT.data_at;
      const fd = view.getInt32(at, true);
      const isSame = this.#waiters.get(fd)?.serial === view.getUint32(at + 4, true);
      if (isSame) this.#answer(fd, true);
    }
  }

  #expire(asked_ms: number): void {
    if (asked_ms - this.#expired_ms < SLICE_MS / 2) return;
    this.#expired_ms = asked_ms;
    for (const [fd, { until_ms }] of this.#waiters) {
      if (until_ms <= asked_ms) this.#answer(fd, false);
    }
  }

  #answer(fd: number, isReady: boolean): void {
    const waiter = this.#waiters.get(fd);
    this.#waiters.delete(fd);
    waiter?.tell(isReady);
  }

  #close(): void {
    libc().close(this.#fd);
    this.#fd = -1;
  }
}

function refused(operation: string, errno: string): KernelError {
  return new KernelError({ operation, object: "sockets of checks", errno, message: "refused" });
}
