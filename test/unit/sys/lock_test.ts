import assert from "node:assert/strict";
import { LbError } from "../../../lib/model/error.ts";
import { locks } from "../../../lib/sys/lock.ts";
import { inFolder } from "./folder.ts";

const LOCK_MODULE = import.meta.resolve("../../../lib/sys/lock.ts");

Deno.test("a held lock is busy at once, names its holder, and is free after release", () =>
  inFolder(async (folder) => {
    const path = `${folder}/lock`;
    const held = await locks.acquire(path, 0);
    await assert.rejects(locks.acquire(path, 0), isBusy(new RegExp(`process ${Deno.pid} \\(lb`)));
    held.release();
    (await locks.acquire(path, 0)).release();
    assert.equal(Deno.statSync(path).mode! & 0o777, 0o600);
  }));

Deno.test("who waits gets the lock when it is let go of", () =>
  inFolder(async (folder) => {
    const path = `${folder}/lock`;
    const held = await locks.acquire(path, 0);
    const waiting = locks.acquire(path, 5_000);
    const timer = setTimeout(() => held.release(), 100);
    (await waiting).release();
    clearTimeout(timer);
  }));

Deno.test("who waits in vain is told so after its time", () =>
  inFolder(async (folder) => {
    const held = await locks.acquire(`${folder}/lock`, 0);
    const begun = performance.now();
    await assert.rejects(locks.acquire(`${folder}/lock`, 200), isBusy(/waited 0.2 s/));
    const waited_ms = performance.now() - begun;
    assert.ok(waited_ms >= 190 && waited_ms < 2_000, `${waited_ms}`);
    held.release();
  }));

Deno.test("another process holds the lock until it is killed", () =>
  inFolder(async (folder) => {
    const path = `${folder}/lock`;
    const holder = new Deno.Command(Deno.execPath(), {
      args: ["eval", holderScript(path)],
      stdout: "piped",
    }).spawn();
    try {
      const output = holder.stdout.getReader();
      assert.equal(new TextDecoder().decode((await output.read()).value), "held\n");
      await assert.rejects(locks.acquire(path, 0), isBusy(new RegExp(`process ${holder.pid} `)));
      holder.kill("SIGKILL");
      await holder.status;
      await output.cancel();
      (await locks.acquire(path, 0)).release();
    } finally {
      await end(holder);
    }
  }));

Deno.test("a lock that is a link is refused, and what it leads to keeps what is in it", () =>
  inFolder(async (folder) => {
    const [path, victim] = [`${folder}/lock`, `${folder}/victim`];
    Deno.writeTextFileSync(victim, "precious\n");
    Deno.symlinkSync(victim, path);
    const isRefused = (error: unknown) =>
      error instanceof LbError && error.code === "not-permitted" && error.message.includes(path);
    await assert.rejects(locks.acquire(path, 0), isRefused);
    assert.equal(Deno.readTextFileSync(victim), "precious\n");
    Deno.removeSync(path);
    Deno.mkdirSync(path);
    await assert.rejects(locks.acquire(path, 0), isRefused);
  }));

function holderScript(path: string): string {
  return `
    const { locks } = await import(${JSON.stringify(LOCK_MODULE)});
    await locks.acquire(${JSON.stringify(path)}, 0);
    console.log("held");
    setTimeout(() => {}, 20_000);
  `;
}

async function end(child: Deno.ChildProcess): Promise<void> {
  try {
    child.kill("SIGKILL");
  } catch {
    // It has ended.
  }
  await child.status;
}

function isBusy(message: RegExp) {
  return (error: unknown) =>
    error instanceof LbError && error.code === "busy" && message.test(error.message);
}

/** Rows of: what the kernel says, and what the operator is told. */
const REFUSED = [["ENOSPC", /the disk is full: free some space/], [
  "EROFS",
  /is read-only/,
]] as const;

for (const [code, words] of REFUSED) {
  Deno.test(`a run folder that answers ${code} is the operator's to mend, not a bug of lb's`, () =>
    inFolder(async (folder) => {
      const open = Deno.openSync;
      Deno.openSync = () => {
        throw Object.assign(new Error(code), { code });
      };
      try {
        await assert.rejects(
          locks.acquire(`${folder}/lock`, 0),
          (error: unknown) =>
            error instanceof LbError && error.code === "not-permitted" &&
            words.test(error.message) && error.message.includes("--run-dir"),
        );
      } finally {
        Deno.openSync = open;
      }
    }));
}

Deno.test("a disk that is full when the holder's name is written lets go of the lock", () =>
  inFolder(async (folder) => {
    const write = Deno.FsFile.prototype.writeSync;
    Deno.FsFile.prototype.writeSync = () => {
      throw Object.assign(new Error("No space left on device"), { code: "ENOSPC" });
    };
    try {
      await assert.rejects(locks.acquire(`${folder}/lock`, 0), /the disk is full.*--run-dir/);
    } finally {
      Deno.FsFile.prototype.writeSync = write;
    }
    (await locks.acquire(`${folder}/lock`, 0)).release();
  }));
