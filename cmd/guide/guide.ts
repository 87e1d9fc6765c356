import { cancel, intro, log, note, outro } from "@clack/prompts";
import type { LoadedConfig } from "../../lib/config/load.ts";
import { applyConfig } from "../apply.ts";
import { report } from "../change/change.ts";
import { context, type Places } from "../context.ts";
import { draftConfig, isSaid, type Said, sampleText, withDefaults } from "./first_service.ts";
import type { WantedTimer } from "../shared/timer.ts";
import { askTimer, askWhatNow, askWhetherService } from "./ending.ts";
import { type Asking, Cancelled } from "./asking.ts";
import { QUESTIONS } from "./questions.ts";
import { survey, surveyText } from "./survey.ts";

/** What was said before the first question. */
export interface Wishes {
  readonly said: Said;
  readonly timer: WantedTimer;
  readonly apply: boolean;
  readonly lockTimeout_ms: number;
}

/** What is wanted, by the answers. */
export interface Wanted {
  /** The config's text. */
  readonly text: string;
  readonly timer: WantedTimer;
  readonly applies: boolean;
}

/**
 * Asks for a first service on the terminal, tries its backends, and shows what applying it would change. Writes
 * nothing.
 *
 * @returns undefined where it was broken off, by Ctrl-C or a signal
 * @throws {LbError} where no engine here can serve the service
 */
export async function guide(places: Places, wishes: Wishes): Promise<Wanted | undefined> {
  const stopped = new AbortController();
  const release = context.holdSignals(() => stopped.abort());
  try {
    return await converse(places, wishes, stopped.signal);
  } catch (error) {
    if (!(error instanceof Cancelled)) throw error;
    cancel("Nothing was written.");
    return undefined;
  } finally {
    release();
  }
}

async function converse(places: Places, wishes: Wishes, signal: AbortSignal): Promise<Wanted> {
  intro("lb init");
  log.step("Looking at this machine");
  const machine = await survey(context.kernel(places));
  note(surveyText(machine), "This machine");
  const { said } = wishes;
  const asking: Asking = { places, said, machine, sample: sampleText(), signal };
  if (!isSaid(said) && !await askWhetherService(asking)) {
    return { text: asking.sample, timer: await askTimer(asking, wishes.timer), applies: false };
  }
  let service = withDefaults(said);
  for (const ask of QUESTIONS) service = await ask(service, asking);
  const timer = await askTimer(asking, wishes.timer);
  const draft = await draftConfig(places, service);
  note(settingsOf(draft), places.config);
  await showPlan(places, draft, wishes.lockTimeout_ms);
  const applies = await askWhatNow(asking, wishes.apply);
  outro(applies ? "Writing and applying it" : "Writing it");
  return { text: draft.text, timer, applies };
}

/** What was answered, without remarks. */
function settingsOf({ text }: LoadedConfig): string {
  const service = text.slice(text.indexOf("\n[[service]]"));
  return service.split("\n").filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => line.replace(/\s+# .*$/, "")).join("\n");
}

/** By the very code of `lb apply --plan`. A state is made for it only where nobody sees it. */
async function showPlan(places: Places, { text }: LoadedConfig, lockTimeout_ms: number) {
  log.step("What applying it would change");
  await context.inTemporaryFolder(async (folder) => {
    const elsewhere = { ...places, state: `${folder}/state`, runDir: `${folder}/run` };
    const at = context.hasState(places) ? places : elsewhere;
    const outcome = await applyConfig(at, { lockTimeout_ms, plan: true, text });
    await report(outcome, { json: false, planned: true });
  });
}
