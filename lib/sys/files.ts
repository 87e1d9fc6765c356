import type { FilesPort, FileStat } from "./ports.ts";

/** Of a new file that nobody said anything about. */
const PRIVATE = 0o600;

/** The machine's files. */
export const files: FilesPort = {
  read: (path) => orNothing(() => Deno.readTextFileSync(path)),
  readBytes: (path) => orNothing(() => Deno.readFileSync(path)),

  write(path, text) {
    // Never made here: under /proc a wrong path should say ENOENT and not EACCES.
    Deno.writeTextFileSync(path, text, { create: false });
  },

  replace(path, content, mode) {
    const target = behindSymlink(path);
    const folder = folderOf(target);
    const kept = mode === undefined ? orNothing(() => Deno.statSync(target)) : undefined;
    const draft = Deno.makeTempFileSync({ dir: folder, prefix: ".lb-", suffix: ".new" });
    try {
      if (kept) keepOwner(draft, kept);
      writeThrough(draft, content, mode ?? modeOf(kept) ?? PRIVATE);
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

function orNothing<T>(act: () => T): T | undefined {
  try {
    return act();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    if (error instanceof Deno.errors.NotADirectory) return undefined;
    throw error;
  }
}

/** A rename onto a symlink would put a file in its place and leave what it points to as it was. */
function behindSymlink(path: string): string {
  return orNothing(() => Deno.realPathSync(path)) ?? path;
}

function folderOf(path: string): string {
  const end = path.lastIndexOf("/");
  return end < 0 ? "." : path.slice(0, end) || "/";
}

/** Only root can give files away, and only where the owner differs is there a need to. */
function keepOwner(draft: string, { uid, gid }: Deno.FileInfo): void {
  const made = Deno.statSync(draft);
  if (made.uid !== uid || made.gid !== gid) Deno.chownSync(draft, uid, gid);
}

/** The mode comes before the rename, so that a secret is never readable under its real name. */
function writeThrough(path: string, content: string | Uint8Array, mode: number): void {
  Deno.chmodSync(path, mode);
  using file = Deno.openSync(path, { write: true });
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
  for (let done = 0; done < bytes.length;) done += file.writeSync(bytes.subarray(done));
  file.syncSync();
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
    isDirectory: info.isDirectory,
    isSymlink: info.isSymlink,
  };
}

function modeOf(info: Deno.FileInfo | undefined): number | undefined {
  return info?.mode === null || info?.mode === undefined ? undefined : info.mode & 0o7777;
}
