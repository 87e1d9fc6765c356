import { lastErrno, libc } from "./ffi.ts";
import type { TerminalPort } from "./ports.ts";

/** xterm's private modes: 1049 is the other screen, 25 the cursor, 2026 output that is shown when it is complete. */
const ENTER = "\x1b[?1049h\x1b[?25l\x1b[H";
const LEAVE = "\x1b[?2026l\x1b[0m\x1b[?1049l\x1b[?25h";
const FIRST_ROW = "\x1b[H";
const EMPTY = `${FIRST_ROW}\x1b[J`;

/** Where a terminal does not tell its size. */
const SIZE = { columns: 80, rows: 24 };

let isEntered = false;

/** The terminal of this process. */
export const terminal: TerminalPort = {
  size() {
    try {
      const { columns, rows } = Deno.consoleSize();
      return columns > 0 && rows > 0 ? { columns, rows } : SIZE;
    } catch {
      return SIZE;
    }
  },
  isThere: () => Deno.stdin.isTerminal() && Deno.stdout.isTerminal(),
  onResize(work) {
    Deno.addSignalListener("SIGWINCH", work);
    return () => Deno.removeSignalListener("SIGWINCH", work);
  },
  enter() {
    Deno.stdin.setRaw(true);
    isEntered = true;
    descriptor = openAgain();
    write(ENTER);
  },
  fill(lines) {
    write(EMPTY + lines.join("\r\n") + FIRST_ROW);
  },
  write,
  leave() {
    if (!isEntered) return;
    isEntered = false;
    orGone(() => Deno.stdin.setRaw(false));
    write(LEAVE);
    if (descriptor !== STDOUT) libc().close(descriptor);
    descriptor = STDOUT;
  },
};

const STDOUT = 1;

/** What is written to. */
let descriptor = STDOUT;

/** fcntl(2), asm-generic/fcntl.h. */
const O_WRONLY = 1;
const O_NOCTTY = 0o400;
const O_NONBLOCK = 0o4000;
const O_CLOEXEC = 0o2000000;

/**
 * Whoever waits in a write for a terminal that takes nothing ends by no signal, and holds the lock if he has it. That a
 * descriptor does not block is so for all who share it: hence one of our own.
 */
function openAgain(): number {
  const path = new TextEncoder().encode(`/proc/self/fd/${STDOUT}\0`);
  const opened = libc().open(path, O_WRONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
  return opened < 0 ? STDOUT : opened;
}

/** How long a terminal that takes nothing is waited for. */
const FULL_MS_MAX = 5_000;
const FULL_PAUSE_MS = 20;

/** Nothing was taken in all of that time: until something is, nobody waits again. */
let isGivenUp = false;

/** All of it, as far as anybody takes it. @returns whether that is all of it */
function write(text: string): boolean {
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length;) {
    const taken = writeSome(bytes.subarray(at));
    if (taken === 0) return false;
    at += taken;
  }
  return true;
}

/**
 * A signal may come in the middle, and a terminal that does not block may be full: Deno's stdout does not tell how much
 * was taken before that. One that is not there any more needs nothing.
 *
 * @returns how many bytes were taken; 0 where there is no hope of more
 */
function writeSome(bytes: Uint8Array<ArrayBuffer>): number {
  const until_ms = performance.now() + (isGivenUp ? 0 : FULL_MS_MAX);
  for (;;) {
    const taken = Number(libc().write(descriptor, bytes, BigInt(bytes.length)));
    const errno = taken < 0 ? lastErrno() : "";
    isGivenUp = errno === "EAGAIN" && performance.now() >= until_ms;
    if (taken >= 0) return taken;
    if (isGivenUp || errno !== "EAGAIN" && errno !== "EINTR") return 0;
    if (errno === "EAGAIN") pause();
  }
}

function pause(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, FULL_PAUSE_MS);
}

/** A terminal that is not there any more needs nothing. */
function orGone(work: () => unknown): void {
  try {
    work();
  } catch {
    return;
  }
}
