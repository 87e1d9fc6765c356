/** The screen over something that fails: `Deno.args[0]` says where. Or over nothing that does, counting signals. */
import { LbError } from "../../lib/model/error.ts";
import { clock } from "../../lib/sys/clock.ts";
import { terminal } from "../../lib/sys/terminal.ts";
import { holdSignals } from "../../lib/sys/signals.ts";
import type { Picture } from "../../lib/tui/picture.ts";
import { runScreen } from "../../lib/tui/run.ts";
import { pictureOf } from "../unit/tui/scene.ts";

const [where] = Deno.args;

/** Nothing that a screen could be made of. */
const NONSENSE = { status: { services: [null] } } as unknown as Picture;

/** Long enough to leave the screen meanwhile. */
const CHANGE_MS = 3_000;

let looks = 0;

let signals = 0;

/** To the end of the program: what comes too late for the screen is counted, too. */
function countSignals(onSignal: () => void): () => void {
  holdSignals(() => {
    signals++;
    onSignal();
  });
  return () => {};
}

/** For a signal that is under way. */
const LATE_MS = 500;

function look(): Promise<Picture> {
  looks++;
  if (where === "first") throw new Error("thrown by the first look");
  if (looks === 1 || where === "change" || where === "nowhere") return Promise.resolve(pictureOf());
  if (where === "look") return Promise.reject(new Error("thrown by a look"));
  if (where === "drawing") return Promise.resolve(NONSENSE);
  setTimeout(() => {
    throw new Error("thrown by nobody's child");
  }, 0);
  return Promise.resolve(pictureOf());
}

try {
  await runScreen({
    look,
    history: () => Promise.resolve([]),
    readOnly: () => Promise.resolve(undefined),
    plan: () => Promise.resolve([]),
    async apply() {
      await clock.sleep(CHANGE_MS);
      throw new LbError("busy", "thrown by a change");
    },
  }, {
    terminal,
    clock,
    palette: { colour: true, unicode: true },
    holdSignals: where === "nowhere" ? countSignals : holdSignals,
    hear: () => () => {},
  });
  if (where === "nowhere") {
    await clock.sleep(LATE_MS);
    console.log(`signals: ${signals}`);
  }
} catch (error) {
  console.log(`thrown: ${error instanceof Error ? error.message : error}`);
  Deno.exit(70);
}
