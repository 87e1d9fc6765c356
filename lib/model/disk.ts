import { LbError } from "./error.ts";

/** What keeps a folder from being written to, with what the operator can do; by errno(3). */
const ADVICE: Readonly<Record<string, string>> = {
  EACCES: "it cannot be written to: look at owner and mode of each folder of the path",
  EDQUOT: "the quota is used up: free some space there",
  EIO: "the disk failed: look at the kernel log",
  EISDIR: "a folder is there: give the path of a file",
  ELOOP: "a link of the path leads back to itself: look at the path",
  ENAMETOOLONG: "the path is too long",
  ENOENT: "nothing can be made there: look at the path",
  ENOSPC: "the disk is full: free some space there (df tells how much is left)",
  ENOTDIR: "a part of the path is no folder: look at the path",
  EPERM: "it cannot be written to: look at chattr and the kind of file system",
  EROFS: "the file system is read-only: mount it writable",
};

/**
 * Does some writing to a folder of lb's own: what the disk refuses is the operator's to mend, and no bug.
 *
 * @param option by which another folder can be chosen
 * @throws {LbError} `not-permitted`
 */
export function writingTo<T>(path: string, option: string, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    const advice = ADVICE[errnoOf(cause)];
    if (advice === undefined) throw cause;
    throw new LbError(
      "not-permitted",
      `${path}: ${advice}, or choose another folder with ${option}`,
      {
        cause,
      },
    );
  }
}

function errnoOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}
