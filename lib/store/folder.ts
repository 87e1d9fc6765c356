import { writingTo } from "../model/disk.ts";
import { LbError } from "../model/error.ts";
import type { FilesPort } from "../sys/ports.ts";

const FOLDER_MODE = 0o700;
const FILE_MODE = 0o600;
const WRITABLE_BY_OTHERS = 0o022;

/** Whose files are trusted: our own user's. */
export interface Owner {
  readonly files: FilesPort;
  /** Effective user id of this process. */
  readonly uid: number;
  /** By which another folder can be chosen, for messages. @default "--state" */
  readonly option?: string;
}

/**
 * Makes a folder of lb's own where there is none, and refuses one in which somebody else could put files
 * of their own: as root, lb acts on what it reads in the state folder, and writes what it finds in the run
 * folder.
 *
 * @throws {LbError} `not-permitted`
 */
export function secureFolder(path: string, owner: Owner): void {
  if (!owner.files.stat(path)) {
    writingTo(path, optionOf(owner), () => owner.files.mkdir(path, FOLDER_MODE));
  }
  checkTrusted(path, owner);
  // With the dot the link itself has been followed: both the link and its target must be ours.
  checkTrusted(`${path}/.`, owner);
}

/**
 * Makes an empty database file that only its owner can read, or leaves the one that is there. SQLite
 * would make it with the process's umask; its -wal and -shm take over the mode of this file.
 *
 * @throws {LbError} `not-permitted` where the file is somebody else's or writable by others
 */
export function secureFile(path: string, owner: Owner): void {
  // Not a rename as FilesPort has it: two first runs at once must end up in the same file.
  if (!owner.files.stat(path)) touch(path, owner);
  checkTrusted(path, owner);
}

/**
 * Makes the file, or leaves it as it is. Not while this process has it open as a database: to close it ends
 * all locks that the process has on it (fcntl(2)).
 *
 * @throws {LbError} `not-permitted` with what keeps it from being written to
 */
export function touch(path: string, owner: Owner): void {
  writingTo(
    path,
    optionOf(owner),
    () => Deno.openSync(path, { create: true, write: true, mode: FILE_MODE }).close(),
  );
}

/** @throws {LbError} `not-permitted` where the path is somebody else's or writable by others */
export function checkTrusted(path: string, owner: Owner): void {
  const stat = owner.files.stat(path);
  if (!stat) throw new LbError("not-permitted", `${path} does not exist and cannot be made`);
  if (stat.uid !== owner.uid) {
    throw new LbError(
      "not-permitted",
      `${path} belongs to user ${stat.uid}, lb runs as user ${owner.uid}: ` +
        `run lb as its owner, or choose another folder with ${optionOf(owner)}`,
    );
  }
  // The mode of a symbolic link means nothing: it is always 0777.
  if (stat.isSymlink || (stat.mode & WRITABLE_BY_OTHERS) === 0) return;
  throw new LbError(
    "not-permitted",
    `${path} is writable by others (mode ${(stat.mode & 0o7777).toString(8).padStart(4, "0")}): ` +
      `chmod go-w ${path}, after making sure nobody has changed what is in it`,
  );
}

function optionOf({ option }: Owner): string {
  return option ?? "--state";
}
