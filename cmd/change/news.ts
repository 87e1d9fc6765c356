import { LbError } from "../../lib/model/error.ts";
import type { Store } from "../../lib/store/store.ts";
import { context, type Places } from "../context.ts";

/**
 * Tells what is new of what is not well from what was told before, by this run or the one before it: cron mails
 * everything that is printed, each minute.
 */
export class News {
  readonly #places: Places;
  readonly #before: string;
  #last: string;

  private constructor(places: Places, before: string) {
    this.#places = places;
    this.#before = before;
    this.#last = before;
  }

  /** Goes on from what the run before has told, as far as that can be known. */
  static async since(places: Places): Promise<News> {
    const before = await orNothing(async () => {
      const store = await context.readStore(places);
      return closing(store, ({ passes }) => passes.told());
    });
    return new News(places, before ?? "");
  }

  /** @param text "" where all is well */
  async isNew(text: string): Promise<boolean> {
    const digest = await digestOf(text);
    if (digest === this.#last) return false;
    this.#last = digest;
    return text !== "";
  }

  /** For the next run. */
  async keep(): Promise<void> {
    if (this.#last === this.#before || !context.hasState(this.#places)) return;
    await orNothing(async () => {
      const store = await context.openStore(this.#places);
      return closing(store, ({ passes }) => passes.tell(this.#last));
    });
  }
}

/** "" of nothing: there is nothing to remember. */
async function digestOf(text: string): Promise<string> {
  if (text === "") return "";
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return new Uint8Array(digest).toHex();
}

function closing<T>(store: Store | undefined, work: (store: Store) => T): T | undefined {
  try {
    return store && work(store);
  } finally {
    store?.close();
  }
}

/** A state that cannot be read or written is told by who needs it. */
async function orNothing<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof LbError) return undefined;
    throw error;
  }
}
