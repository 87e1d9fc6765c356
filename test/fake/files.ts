/** Test equipment: files in memory. Folders exist as soon as something lies in them. */
import type { FileContent, FilesPort, FileStat } from "../../lib/sys/ports.ts";

interface FakeFile {
  text: string;
  mode: number;
}

export class FakeFiles implements FilesPort {
  readonly #files = new Map<string, FakeFile>();
  readonly #folders = new Map<string, number>();

  read(path: string): string | undefined {
    return this.#files.get(path)?.text;
  }

  readBytes(path: string): Uint8Array<ArrayBuffer> | undefined {
    const text = this.read(path);
    return text === undefined ? undefined : new TextEncoder().encode(text);
  }

  lines(path: string): Iterable<string> {
    return this.read(path)?.replace(/\n$/, "").split("\n") ?? [];
  }

  /** None of the fake files is a symlink. */
  readLink(_path: string): undefined {}

  /** As under /proc: a file that is not there is not made. */
  write(path: string, text: string): void {
    const file = this.#files.get(path);
    if (!file) throw new Deno.errors.NotFound(`${path} is not among the fake files`);
    file.text = text;
  }

  replace(path: string, content: FileContent, mode?: number): void {
    const mode_kept = mode ?? this.#files.get(path)?.mode ?? 0o600;
    this.#files.set(path, { text: textOf(content), mode: mode_kept });
  }

  list(path: string): string[] {
    const names = [...this.#files.keys(), ...this.#folders.keys()]
      .filter((name) => name.startsWith(`${path}/`))
      .map((name) => name.slice(path.length + 1).split("/")[0] ?? "");
    return [...new Set(names)].sort();
  }

  stat(path: string): FileStat | undefined {
    const file = this.#files.get(path);
    const mode = file?.mode ?? this.#folders.get(path) ??
      (this.list(path).length > 0 ? 0o755 : undefined);
    if (mode === undefined) return undefined;
    const size_bytes = new TextEncoder().encode(file?.text).length;
    const isFile = file !== undefined;
    return { mode, uid: 0, isFile, isDirectory: !isFile, isSymlink: false, size_bytes };
  }

  mkdir(path: string, mode: number): void {
    if (!this.stat(path)) this.#folders.set(path, mode);
  }

  remove(path: string): void {
    this.#files.delete(path);
    this.#folders.delete(path);
  }
}

function textOf(content: FileContent): string {
  if (typeof content === "string") return content;
  if (content instanceof Uint8Array) return new TextDecoder().decode(content);
  const pieces: string[] = [];
  content((piece) => pieces.push(piece));
  return pieces.join("");
}
