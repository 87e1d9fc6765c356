import { KernelError } from "../model/error.ts";
import { CODE_TIMED_OUT } from "../model/exit_code.ts";
import type { ProcessPort } from "../sys/ports.ts";

/** 10,000 services take nft some ten seconds; a hung program must not hang a cron job. */
const TIMEOUT_MS = 120_000;

/** The words that nft and iptables print for an errno (strerror of glibc and musl). */
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

/** What a program is to write, for errors. */
export interface Writing {
  /** What was tried, for instance `nft -f`. */
  readonly operation: string;
  readonly object: string;
  readonly stdin?: string;
}

/**
 * Has a program write rules.
 *
 * @throws {KernelError} with the errno where it was refused, and where it gave no answer
 * @throws {LbError} `unsupported` where there is no such program
 */
export async function runWriter(
  process: Pick<ProcessPort, "run">,
  argv: readonly [string, ...string[]],
  { operation, object, stdin }: Writing,
): Promise<void> {
  const { code, stderr } = await process.run(argv, { stdin, timeout_ms: TIMEOUT_MS });
  if (code === 0) return;
  const message = refusalWords(code, stderr);
  const errno = ERRNO_BY_WORDS.find(([words]) => words.test(message))?.[1];
  throw new KernelError({ operation, object, errno, message });
}

/** Without the lines in which nft points at the place. */
function refusalWords(code: number, stderr: string): string {
  if (code === CODE_TIMED_OUT) return `no answer within ${TIMEOUT_MS / 1000} s`;
  const lines = stderr.split("\n").filter((line) => line.trim() && !/^[\s^]*$/.test(line));
  return lines.slice(0, 4).join(" / ") || `exit code ${code}`;
}
