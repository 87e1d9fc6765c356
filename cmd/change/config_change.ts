import { LbError } from "../../lib/model/error.ts";
import type { Outcome } from "../../lib/reconcile/outcome.ts";
import type { Machine } from "../../lib/reconcile/request.ts";
import { change, type ChangeRequest, type Wanted } from "./change.ts";
import { context } from "../context.ts";

/** A config as it is to be from now on. */
export interface NewConfig extends Wanted {
  /** Where the file that was there is kept. */
  readonly backup?: string;
}

/** How a command that writes `lb.toml` and applies it calls {@linkcode changeConfig}. */
export interface ConfigChangeRequest extends Omit<ChangeRequest, "target"> {
  /** Called with the lock held. */
  readonly config: (machine: Machine) => Promise<NewConfig>;
}

/** Of a config file that was not there, as `lb init` has it: there are no secrets in it. */
const NEW_FILE_MODE = 0o644;

/**
 * Writes `lb.toml` and applies it. The file comes before the kernel, so that a run cut off in between is
 * finished by the next apply; where the kernel refuses, the file is put back, with the lock still held.
 */
export async function changeConfig(request: ConfigChangeRequest): Promise<Outcome> {
  const outcome = await change({
    ...request,
    target: async (machine) => {
      const wanted = await request.config(machine);
      return request.dryRun ? wanted : written(request.places.config, wanted);
    },
  });
  return outcome!;
}

/** With the file written. @throws {LbError} `not-permitted` where it cannot be: all is as it was then */
export function written(path: string, { backup, ...wanted }: NewConfig): Wanted {
  try {
    const undo = writeConfig(path, wanted.loaded.text, backup);
    return { ...wanted, undo: () => undoBoth(undo, wanted.undo) };
  } catch (error) {
    wanted.undo?.();
    throw error;
  }
}

/** One is undone whatever becomes of the other. @throws what could not be, in sentences */
function undoBoth(file: () => void, records: (() => void) | undefined): void {
  const told = [
    ...failure("The config file could not be put back, and has the new text", file),
    ...failure("What is wanted of backends could not be put back", records),
  ];
  if (told.length > 0) throw new Error(told.join("\n"));
}

function failure(words: string, undo: (() => void) | undefined): string[] {
  try {
    undo?.();
    return [];
  } catch (error) {
    return [`${words}: ${error instanceof Error ? error.message : String(error)}`];
  }
}

/** @returns puts everything back as it was */
function writeConfig(path: string, text: string, backup: string | undefined): () => void {
  const { files } = context;
  const before = files.readBytes(path);
  // Who only drains must not need a file system that can be written.
  if (backup === undefined && before && textIn(before) === text) return () => {};
  const undo: (() => void)[] = [];
  const undoAll = () => undo.toReversed().forEach((each) => each());
  const write = (file: string, content: string | Uint8Array, mode?: number) => {
    const back = remembered(file);
    files.replace(file, content, mode);
    undo.push(back);
  };
  try {
    // Private: who may read the config need not be known of a file that nobody looks after.
    if (backup !== undefined && before) write(backup, before, 0o600);
    write(path, text, before ? undefined : NEW_FILE_MODE);
  } catch (cause) {
    undoAll();
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new LbError("not-permitted", `cannot write ${path}: ${reason}; nothing was changed`, {
      cause,
    });
  }
  return undoAll;
}

function textIn(bytes: Uint8Array): string {
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
}

/** How a file comes back to what it is now. */
function remembered(path: string): () => void {
  const { files } = context;
  const bytes = files.readBytes(path);
  return () => bytes ? files.replace(path, bytes) : files.remove(path);
}
