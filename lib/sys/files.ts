import type { FilesPort, FileStat } from "./ports.ts";

/** The machine's files. */
export const files: FilesPort = {
  read: (path) => orNothing(() => Deno.readTextFileSync(path)),
  readBytes: (path) => orNothing(() => Deno.readFileSync(path)),

  write(path, text) {
    // Never made here: under /proc a wrong path should say ENOENT and not EACCES.
    Deno.writeTextFileSync(path, text, { create: false });
  },

  replace(path, text, mode) {
    const target = behindSymlink(path);
    const folder = folderOf(target);
    const draft = Deno.makeTempFileSync({ dir: folder, prefix: ".lb-", suffix: ".new" });
    try {
      writeThrough(draft, text, mode);
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

/** The mode comes before the rename, so that a secret is never readable under its real name. */
function writeThrough(path: string, text: string, mode: number): void {
  Deno.chmodSync(path, mode);
  using file = Deno.openSync(path, { write: true });
  const bytes = new TextEncoder().encode(text);
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
    mode: (info.mode ?? 0) & 0o7777,
    uid: info.uid ?? 0,
    isDirectory: info.isDirectory,
    isSymlink: info.isSymlink,
  };
}
