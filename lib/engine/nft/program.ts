import { KernelError } from "../../model/error.ts";
import type { Kernel, RunResult } from "../../sys/ports.ts";

/** 10,000 services take nft about five seconds (docs/engines.md); a hung nft must not hang a cron job. */
const NFT_TIMEOUT_MS = 120_000;

/** The words nft prints for an errno (strerror of glibc and musl). */
const ERRNO_BY_WORDS: readonly (readonly [RegExp, string])[] = [
  [/No such file or directory/, "ENOENT"],
  [/File exists/, "EEXIST"],
  [/Operation not permitted/, "EPERM"],
  [/Permission denied/, "EACCES"],
  [/(Operation|Protocol|Address family) not supported/, "EOPNOTSUPP"],
  [/Invalid argument/, "EINVAL"],
  [/Device or resource busy|Resource busy/, "EBUSY"],
  [/Cannot allocate memory|Out of memory/, "ENOMEM"],
  [/Numerical result out of range/, "ERANGE"],
  [/Too many levels/, "ELOOP"],
];

/**
 * Runs one transaction.
 *
 * @throws {KernelError} with the errno; the kernel then holds what it held before
 */
export async function runTransaction(kernel: Kernel, script: string): Promise<void> {
  // A file, not a pipe: it is still there to be read when an operator wonders what was refused.
  const path = `${kernel.runDir}/transaction.nft`;
  kernel.files.replace(path, script, 0o600);
  const options = { timeout_ms: NFT_TIMEOUT_MS };
  const result = await kernel.process.run(["nft", "-f", path], options);
  if (result.code !== 0) throw refusal("nft -f", result);
}

/** The whole table as JSON; undefined where there is none. */
export async function listTable(kernel: Kernel): Promise<string | undefined> {
  const options = { timeout_ms: NFT_TIMEOUT_MS };
  const result = await kernel.process.run(["nft", "-j", "list", "table", "inet", "lb"], options);
  if (result.code === 0) return result.stdout;
  const error = refusal("nft list", result);
  if (error.refusal.errno === "ENOENT") return undefined;
  throw error;
}

function refusal(operation: string, result: RunResult): KernelError {
  const lines = result.stderr.split("\n").filter((line) => line.trim() && !/^[\s^]*$/.test(line));
  const message = result.code === 124
    ? `no answer within ${NFT_TIMEOUT_MS / 1000} s`
    : lines.slice(0, 4).join(" / ") || `exit code ${result.code}`;
  const errno = ERRNO_BY_WORDS.find(([words]) => words.test(message))?.[1];
  return new KernelError({ operation, object: "table inet lb", errno, message });
}
