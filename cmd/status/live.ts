import { wishesBetween } from "../../lib/health/intent_change.ts";
import { EXIT_OK, LbError } from "../../lib/model/error.ts";
import type { IntentRow } from "../../lib/model/intent.ts";
import { WAIT_LONGER } from "../../lib/model/lock.ts";
import { painter } from "../../lib/report/table.ts";
import { isUnicode } from "../../lib/tui/paint.ts";
import type { Order } from "../../lib/tui/picture.ts";
import { type Actions, runScreen } from "../../lib/tui/run.ts";
import { context, type Places } from "../context.ts";
import type { ScaleManner } from "../scale.ts";
import { hearSaid, wantsColour } from "../shared/io.ts";
import { Onlook } from "./onlook.ts";

/** How long a change waits for another run: somebody sits there. */
const PATIENCE_MS = 10_000;

/**
 * The live screen of `lb status`.
 *
 * @param service opens on this one
 * @returns the exit code
 * @throws {LbError} `usage` where there is no such service
 */
export async function live(places: Places, service?: string): Promise<number> {
  asInProduction();
  const onlook = new Onlook(places);
  if (service !== undefined) await onlook.needService(service);
  const palette = { colour: wantsColour(), unicode: isUnicode(Deno.env) };
  const { terminal, clock, holdSignals } = context;
  await runScreen(
    actionsOf(places, onlook),
    { terminal, clock, palette, holdSignals, hear: hearSaid },
    service,
  );
  return EXIT_OK;
}

/** React and ink go by these: what is for who works on them costs time and memory, and prints on the screen. */
function asInProduction(): void {
  Deno.env.set("NODE_ENV", "production");
  Deno.env.delete("DEV");
}

function actionsOf(places: Places, onlook: Onlook): Actions {
  // What the plan that is shown was made of.
  let planned: Basis | undefined;
  return {
    look: () => onlook.look(),
    history: () => onlook.history(),
    readOnly: () => readOnlyReason(places),
    plan: (order) => planText(places, order, (text, intents) => planned = { text, intents }),
    apply: (order) =>
      applyText(places, order, (text, intents) => refuseOther({ text, intents }, planned, places)),
    explain: async ({ flow, service }) =>
      await (await import("../why.ts")).whyLines(places, flow, service),
  };
}

/** Who cannot write the state can change nothing. Where there is none there is nothing to change yet. */
async function readOnlyReason(places: Places): Promise<string | undefined> {
  if (!context.hasState(places)) return undefined;
  try {
    (await context.openStore(places)).close();
    return undefined;
  } catch (error) {
    if (error instanceof LbError) return error.message;
    throw error;
  }
}

/** What a plan is made of. */
interface Basis {
  /** What the config file has in it. */
  readonly text: string;
  /** Of the service's backends. */
  readonly intents: readonly IntentRow[];
}

/**
 * The whole file is applied: what was written into it since was not in the plan that somebody has agreed to. Nor was
 * what somebody else has asked of the service's backends.
 *
 * @throws {LbError}
 */
function refuseOther(found: Basis, planned: Basis | undefined, { config }: Places): void {
  if (found.text !== planned?.text) {
    throw new LbError(
      "config-invalid",
      `${config} has been edited since this plan was made, and its edits would come with it; ` +
        "nothing was changed: ask again to see the plan of it as it is now",
    );
  }
  const wishes = wishesBetween(planned.intents, found.intents);
  if (wishes.length === 0) return;
  throw new LbError(
    "busy",
    `${wishes.join(", ")} since this plan was made, by somebody else; ` +
      "nothing was changed: ask again to see the plan as things are now",
  );
}

/** As `lb scale … --plan` prints it. */
async function planText(places: Places, order: Order, found: Found): Promise<readonly string[]> {
  const { outcomeText } = await import("../../lib/report/outcome.ts");
  const { outcome } = await scaled(places, order, { plan: true, found });
  const { warnings, blocked } = outcome;
  return [
    ...warnings.map((text) => `warning: ${text}`),
    ...blocked.map((text) => `attention: ${text}`),
    ...outcomeText(outcome, true, painter(false)).split("\n"),
  ];
}

/** What is worth a word of what was done. */
async function applyText(places: Places, order: Order, found: Found): Promise<readonly string[]> {
  const { outcome } = await scaled(places, order, { plan: false, found });
  const revision = outcome.revision === null ? [] : [`revision ${outcome.revision}`];
  return [...revision, ...outcome.blocked.map((text) => `attention: ${text}`)];
}

/** Is told what a change starts from. */
type Found = NonNullable<ScaleManner["found"]>;

/** By the way of `lb scale`. */
async function scaled(
  places: Places,
  { service, address, port, wish }: Order,
  manner: Pick<ScaleManner, "plan" | "found">,
) {
  const { NO_CHANGES, scaleBackends } = await import("../scale.ts");
  const options = wish.kind === "weight"
    ? { ...NO_CHANGES, weight: [{ address, port, weight: wish.weight }] }
    : { ...NO_CHANGES, [wish.kind]: [{ address, port }] };
  const how = { lockTimeout_ms: PATIENCE_MS, ...manner };
  return await scaleBackends(places, service, options, how).catch((error: unknown) => {
    throw withoutOptions(error);
  });
}

/** The screen has none. */
function withoutOptions(error: unknown): unknown {
  if (!(error instanceof LbError) || error.code !== "busy") return error;
  return new LbError(error.code, error.message.replace(WAIT_LONGER, ""), { cause: error });
}
