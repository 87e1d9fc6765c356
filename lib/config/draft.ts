import type { WrittenBackend, WrittenFile, WrittenService } from "./schema.ts";
import { isTable } from "./parse.ts";
import type { Path } from "./problem.ts";

type Holes<Value> = Value extends readonly (infer Item)[] ? readonly (Item | undefined)[] : Value;

/** A table of which parts may be missing, because they were not written or could not be read. */
export type Draft<Table> = { readonly [Key in keyof Table]?: Holes<Table[Key]> };

export type DraftBackend = Draft<WrittenBackend>;

export type DraftService = Omit<Draft<WrittenService>, "backend"> & {
  readonly backend?: readonly (DraftBackend | undefined)[];
};

/**
 * What could be read of a file. Checks across keys work on it, so that a slip in one key does not hide
 * what is wrong with others.
 */
export type DraftFile = Omit<Draft<WrittenFile>, "service" | "lb"> & {
  readonly lb?: Draft<NonNullable<WrittenFile["lb"]>>;
  readonly service?: readonly (DraftService | undefined)[];
};

/** The readable rest: each value at one of the paths is replaced by undefined, in place. */
export function draftOf(output: unknown, unreadable: readonly Path[]): DraftFile {
  for (const path of unreadable) blank(output, path);
  return isTable(output) ? output as DraftFile : {};
}

/** Whether a key was written, but its value could not be read: nothing follows from its absence. */
export function isUnreadable(draft: object, key: string): boolean {
  return Object.hasOwn(draft, key) && Reflect.get(draft, key) === undefined;
}

function blank(output: unknown, path: Path): void {
  const parent = path.slice(0, -1).reduce(child, output);
  if (typeof parent === "object" && parent !== null) {
    Reflect.set(parent, path.at(-1) ?? "", undefined);
  }
}

function child(value: unknown, key: string | number): unknown {
  return typeof value === "object" && value !== null ? Reflect.get(value, key) : undefined;
}
