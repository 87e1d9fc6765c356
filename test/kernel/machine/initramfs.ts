/** What a guest starts with: its first program, and the kernel modules that lead to the real files. */

/** One file of an archive. */
export interface Entry {
  /** Without a slash in front. */
  readonly path: string;
  /** With the type, as stat(2) has it. */
  readonly mode: number;
  readonly bytes: Uint8Array;
}

const FOLDER_MODE = 0o040755;
const FILE_MODE = 0o100755;

/** A file that can be run. */
export function file(path: string, bytes: Uint8Array): Entry {
  return { path, mode: FILE_MODE, bytes };
}

/** An empty folder. */
export function folder(path: string): Entry {
  return { path, mode: FOLDER_MODE, bytes: new Uint8Array() };
}

/**
 * A cpio archive as the kernel unpacks it (linux, Documentation/driver-api/early-userspace/buffer-format:
 * thirteen fields of eight hex digits, everything padded to four bytes). Pure.
 */
export function archive(entries: readonly Entry[]): Uint8Array {
  const end: Entry = { path: "TRAILER!!!", mode: 0, bytes: new Uint8Array() };
  const parts = [...entries, end].flatMap(({ path, mode, bytes }, index) => {
    const name = new TextEncoder().encode(`${path}\0`);
    const fields = [index + 1, mode, 0, 0, 1, 0, bytes.length, 0, 0, 0, 0, name.length, 0];
    const header = `070701${fields.map((field) => field.toString(16).padStart(8, "0")).join("")}`;
    return [padded(new TextEncoder().encode(header), name), padded(bytes)];
  });
  return joined(parts);
}

function padded(...parts: readonly Uint8Array[]): Uint8Array {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  return joined([...parts, new Uint8Array((4 - length % 4) % 4)]);
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/**
 * The files of these modules and of those they need, in an order in which they can be loaded. Pure.
 *
 * @param dep text of modules.dep: `FILE: NEEDED …`, what is needed first standing last
 * @throws {Error} naming a module that is not there
 */
export function loadOrder(dep: string, names: readonly string[]): string[] {
  const lines = dep.trim().split("\n").map((line) => line.split(/:? +|:$/).filter(Boolean));
  const files = names.flatMap((name) => {
    const line = lines.find(([path]) => path?.endsWith(`/${name}.ko`));
    if (!line) throw new Error(`modules.dep has no ${name}`);
    return line.toReversed();
  });
  return [...new Set(files)];
}
