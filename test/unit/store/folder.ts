import { files } from "../../../lib/sys/files.ts";
import { openStore, type Store } from "../../../lib/store/store.ts";
import type { Owner } from "../../../lib/store/folder.ts";

/** This process, as the owner of what it makes. */
export const OWNER: Owner = { files, uid: Deno.uid() ?? 0 };

/** Runs a test on a folder of its own that is gone afterwards. */
export function inFolder(work: (folder: string) => void): () => void {
  return () => {
    const parent = Deno.makeTempDirSync({ prefix: `lb-store-${Deno.pid}-` });
    try {
      work(`${parent}/state`);
    } finally {
      Deno.removeSync(parent, { recursive: true });
    }
  };
}

/** Runs a test on an empty store of its own. */
export function inStore(work: (store: Store, folder: string) => void): () => void {
  return inFolder((folder) => {
    const store = openStore(folder, OWNER);
    try {
      work(store, folder);
    } finally {
      store.close();
    }
  });
}
