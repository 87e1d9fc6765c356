import type { WrittenBackend, WrittenFile, WrittenService } from "./schema.ts";

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

/** Whether a key was written, but its value could not be read: nothing follows from its absence. */
export function isUnreadable(draft: object, key: string): boolean {
  return Object.hasOwn(draft, key) && Reflect.get(draft, key) === undefined;
}
