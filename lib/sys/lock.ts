import { writingTo } from "../model/disk.ts";
import { LbError } from "../model/error.ts";
import { WAIT_LONGER } from "../model/lock.ts";
import { clock } from "./clock.ts";
import { files } from "./files.ts";
import type { Lock, LockPort } from "./ports.ts";

const POLL_MS = 50;

/** By which another folder for the lock can be chosen. */
const OPTION = "--run-dir";

/** flock(2) on a file: the kernel lets go of it when the process dies, however it dies. */
export const locks: LockPort = {
  async acquire(path, timeout_ms) {
    refuseOddFile(path);
    // Deno opens with O_CLOEXEC, so that no program we start can outlive us holding the lock.
    const file = writingTo(
      path,
      OPTION,
      () => Deno.openSync(path, { read: true, write: true, create: true, mode: 0o600 }),
    );
    try {
      if (!await lockWithin(file, timeout_ms)) throw busy(path, timeout_ms);
      return writingTo(path, OPTION, () => hold(file));
    } catch (error) {
      file.close();
      throw error;
    }
  },
};

/**
 * The holder's name is written to the file: behind a link that would be somebody else's. Deno knows no
 * O_NOFOLLOW; that nobody puts a link there between the two is for the folder's owner and mode to see to.
 */
function refuseOddFile(path: string): void {
  const stat = files.stat(path);
  if (!stat || Deno.lstatSync(path).isFile) return;
  throw new LbError(
    "not-permitted",
    `${path} is no plain file, so that it cannot be the lock: find out who put it there, and remove it`,
  );
}

async function lockWithin(file: Deno.FsFile, timeout_ms: number): Promise<boolean> {
  const deadline_ms = performance.now() + timeout_ms;
  while (!file.tryLockSync(true)) {
    const left_ms = deadline_ms - performance.now();
    if (left_ms <= 0) return false;
    await clock.sleep(Math.min(POLL_MS, left_ms));
  }
  return true;
}

/** The file is never deleted: who waits on the old one and who makes the new one would both hold it. */
function hold(file: Deno.FsFile): Lock {
  const name = ["lb", ...Deno.args].join(" ").replaceAll("\n", " ");
  file.truncateSync();
  file.writeSync(new TextEncoder().encode(`${Deno.pid} ${name}\n`));
  return {
    release() {
      file.truncateSync();
      file.close();
    },
  };
}

function busy(path: string, timeout_ms: number): LbError {
  const [, pid, name] = /^(\d+) (.*)\n/.exec(Deno.readTextFileSync(path)) ?? [];
  const holder = pid ? `process ${pid} (${name})` : "another process";
  return new LbError(
    "busy",
    `${holder} holds the lock ${path}, waited ${timeout_ms / 1000} s; ` +
      `try again when it has ended${WAIT_LONGER}`,
  );
}
