/** Test equipment: makes, reads or opens a state, in a mount namespace of its own, and tells how it went. */
import { LbError } from "../../../lib/model/error.ts";
import { openStore, readStore } from "../../../lib/store/store.ts";
import { OWNER } from "./folder.ts";

const [what, folder = ""] = Deno.args;
const REVISION = { config_text: "[lb]\n", who: "root", command: "lb apply", at_ms: 1000 };

try {
  const store = what === "read" ? readStore(folder, OWNER) : openStore(folder, OWNER);
  if (what === "make" || what === "cut-off") store?.revisions.begin(REVISION);
  console.log(`${store?.revisions.list().length} of them`);
  // A run that is killed leaves its log behind.
  if (what === "cut-off") Deno.kill(Deno.pid, "SIGKILL");
  store?.close();
} catch (error) {
  if (!(error instanceof LbError)) throw error;
  console.log(`${error.code}: ${error.message}`);
}
