import { LbError } from "../model/error.ts";
import type { FileContent, FilesPort, FileStat } from "./ports.ts";

/** Of a new file that nobody said anything about. */
const PRIVATE = 0o600;

/** A new content on its way to its name: nothing else of lb's is called so. */
const DRAFT = { prefix: ".lb-", suffix: ".new" };

/** A draft lives for the length of a write. One that is as old as this is of a run that was killed. */
const DRAFT_AGE_MS_MAX = 60_000;

/** The machine's files. */
export const files: FilesPort = {
  read: (path) => orNothing(() => Deno.readTextFileSync(path)),
  readBytes: (path) => orNothing(() => Deno.readFileSync(path)),
  lines: readLines,

  write(path, text) {
    // Never made here: under /proc a wrong path should say ENOENT and not EACCES.
    Deno.writeTextFileSync(path, text, { create: false });
  },

  replace(path, content, mode, { follows } = { follows: true }) {
    refuseSpecial(path);
    const target = follows ? behindSymlink(path) : path;
    const folder = folderOf(target);
    const kept = mode === undefined ? orNothing(() => Deno.statSync(target)) : undefined;
    const draft = `${folder}/${DRAFT.prefix}${crypto.randomUUID()}${DRAFT.suffix}`;
    using file = openNew(draft, mode ?? modeOf(kept) ?? PRIVATE);
    try {
      if (kept) keepOwner(draft, kept);
      writeThrough(file, content);
      Deno.renameSync(draft, target);
    } catch (error) {
      Deno.removeSync(draft);
      throw error;
    }
    syncFolder(folder);
  },

  readLink: (path) => orNothing(() => Deno.readLinkSync(path)),

  list(path) {
    const names = orNothing(() => Array.from(Deno.readDirSync(path), ({ name }) => name));
    return (names ?? []).sort();
  },

  stat(path) {
    const info = orNothing(() => Deno.lstatSync(path));
    return info && statOf(info);
  },

  mkdir(path, mode) {
    Deno.mkdirSync(path, { recursive: true, mode });
  },

  remove(path) {
    orNothing(() => Deno.removeSync(path));
  },
};

/**
 * Removes what killed runs left of {@linkcode FilesPort.replace}. One of another lb, that has a folder in
 * common with this one, may be at work this very moment: its drafts are young.
 *
 * @param age_ms_min how old they must be
 */
export function sweepDrafts(folder: string, age_ms_min = DRAFT_AGE_MS_MAX): void {
  const names = files.list(folder)
    .filter((name) => name.startsWith(DRAFT.prefix) && name.endsWith(DRAFT.suffix));
  for (const path of names.map((name) => `${folder}/${name}`)) {
    const written_ms = orNothing(() => Deno.lstatSync(path))?.mtime?.getTime() ?? Infinity;
    if (Date.now() - written_ms < age_ms_min) continue;
    try {
      files.remove(path);
    } catch {
      // On a file system that has become read-only: no reason not to balance.
    }
  }
}

/** The folder a file is in. */
export function folderOf(path: string): string {
  const end = path.lastIndexOf("/");
  return end < 0 ? "." : path.slice(0, end) || "/";
}

function orNothing<T>(act: () => T): T | undefined {
  try {
    return act();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    if (error instanceof Deno.errors.NotADirectory) return undefined;
    throw error;
  }
}

/** Of a file that is read by pieces. */
const PIECE_BYTES = 65_536;

function* readLines(path: string): Generator<string, void> {
  using file = orNothing(() => Deno.openSync(path));
  if (!file) return;
  const decoder = new TextDecoder();
  const piece = new Uint8Array(PIECE_BYTES);
  let rest = "";
  for (let count = file.readSync(piece); count !== null; count = file.readSync(piece)) {
    const lines = (rest + decoder.decode(piece.subarray(0, count), { stream: true })).split("\n");
    rest = lines.pop()!;
    yield* lines;
  }
  rest += decoder.decode();
  if (rest !== "") yield rest;
}

/** A rename onto a symlink would put a file in its place and leave what it points to as it was. */
function behindSymlink(path: string): string {
  return orNothing(() => Deno.realPathSync(path)) ?? path;
}

/** A rename would put a file in the place of /dev/null, or of the link that is /dev/stdout, for the whole machine. */
function refuseSpecial(path: string): void {
  const found = orNothing(() => Deno.statSync(path));
  // In the place of a folder the kernel itself puts no file.
  if (!found || found.isFile || found.isDirectory) return;
  const what = "a device, a pipe or a socket";
  throw new LbError("not-permitted", `${path} is ${what}: give the path of a file`);
}

/** Only root can give files away, and only where the owner differs is there a need to. */
function keepOwner(draft: string, { uid, gid }: Deno.FileInfo): void {
  const made = Deno.statSync(draft);
  if (made.uid !== uid || made.gid !== gid) Deno.chownSync(draft, uid, gid);
}

/**
 * It has its mode from the beginning, and is not opened by its name again: in a folder of somebody else's that may be
 * another file by then, or lead to one.
 */
function openNew(path: string, mode: number): Deno.FsFile {
  const masked = Deno.umask(0);
  try {
    return Deno.openSync(path, { write: true, createNew: true, mode });
  } finally {
    Deno.umask(masked);
  }
}

function writeThrough(file: Deno.FsFile, content: FileContent): void {
  if (typeof content === "function") content((piece) => writeAll(file, piece));
  else writeAll(file, content);
  file.syncSync();
}

function writeAll(file: Deno.FsFile, piece: string | Uint8Array): void {
  const bytes = typeof piece === "string" ? new TextEncoder().encode(piece) : piece;
  for (let done = 0; done < bytes.length;) done += file.writeSync(bytes.subarray(done));
}

/** The new name is an entry of the folder: without this a power cut may bring the old file back. */
function syncFolder(path: string): void {
  using folder = Deno.openSync(path, { read: true });
  folder.syncSync();
}

function statOf(info: Deno.FileInfo): FileStat {
  return {
    mode: modeOf(info) ?? 0,
    uid: info.uid ?? 0,
    isFile: info.isFile,
    isDirectory: info.isDirectory,
    isSymlink: info.isSymlink,
    size_bytes: info.size,
  };
}

function modeOf(info: Deno.FileInfo | undefined): number | undefined {
  return info?.mode === null || info?.mode === undefined ? undefined : info.mode & 0o7777;
}
