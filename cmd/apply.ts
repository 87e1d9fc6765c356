import type { LoadedConfig } from "../lib/config/load.ts";
import type { Outcome } from "../lib/reconcile/outcome.ts";
import type { Machine } from "../lib/reconcile/request.ts";
import type { Store } from "../lib/store/store.ts";
import { change, report } from "./change/change.ts";
import { confirmed } from "./change/trial.ts";
import { context, type Places } from "./context.ts";
import { type End, examples, lockingCommand, parseTrialTime, placesOf } from "./shared/options.ts";

/** Services that are named in one sentence. */
const NAMED_MAX = 6;

/** `lb apply` */
export function applyCommand(end: End) {
  return lockingCommand("apply")
    .summary("bring the kernel to the config")
    .description("Brings the kernel to the config. Needs no earlier init; safe to run again.")
    .option("--plan", "print what would change, and change nothing", false)
    .option(
      "--confirm <time>",
      "then take it back by itself, unless it is confirmed within this time",
      parseTrialTime,
    )
    .option("--migrate", "move services to the engines that are best for them now", false)
    .addHelpText(
      "after",
      examples(
        ["lb apply --plan", "what would change"],
        ["lb apply", "do it"],
        [
          "lb apply --confirm 60s",
          "do it, and undo it unless you say within a minute that all is well",
        ],
        ["lb apply --migrate --plan", "what would move, and what becomes of connections"],
        ["lb apply --json | jq .changes", "for scripts"],
      ),
    )
    .action(async (options) => {
      context.needRoot("apply");
      const { lockTimeout: lockTimeout_ms, plan, migrate, json, confirm: confirm_ms } = options;
      const places = placesOf(options);
      const how = { lockTimeout_ms, plan, migrate, confirm_ms };
      const outcome = await applyConfig(places, how);
      if (confirm_ms === undefined || plan) {
        return end(await report(outcome, { json, planned: plan }));
      }
      const { tellTrial } = await import("./apply/trial.ts");
      end(await tellTrial(places, outcome, { json, lockTimeout_ms }));
    });
}

/** How a config is applied. */
export interface ApplyOptions {
  readonly lockTimeout_ms: number;
  readonly plan: boolean;
  /** @default false */
  readonly migrate?: boolean;
  /** It is taken back unless it is confirmed in this time. @default it stays */
  readonly confirm_ms?: number;
  /** What the file is to say, where it has not been written yet. */
  readonly text?: string;
}

/** What `lb apply` does, but for its report. */
export async function applyConfig(
  places: Places,
  { lockTimeout_ms, plan, migrate = false, confirm_ms, text }: ApplyOptions,
): Promise<Outcome> {
  const early = text === undefined ? await refuseEarly(places) : undefined;
  const warnings: string[] = [];
  const isTrial = confirm_ms !== undefined && !plan;
  const command = [
    "lb apply",
    ...migrate ? ["--migrate"] : [],
    ...isTrial ? ["--confirm"] : [],
  ].join(" ");
  const outcome = await change({
    places,
    lockTimeout_ms,
    dryRun: plan,
    // Read with the lock held: another lb may be editing the file just now.
    text: async () => text ?? await context.readConfig(places),
    file: places.config,
    isMove: migrate,
    async target(machine, text) {
      const { parseConfig } = await import("../lib/config/load.ts");
      const isKnown = early !== undefined && early.text === text;
      const loaded = isKnown ? early : await parseConfig(text!, places.config);
      if (loaded.config.services.length === 0) {
        warnings.push(...await allGone(machine.store, places.config));
      }
      const held = migrate
        ? (await import("../lib/reconcile/selection.ts")).NOTHING_HELD
        : undefined;
      return { loaded, command, held, confirm_ms };
    },
    after: async (machine, outcome) => {
      const { lookAfterDrains } = await import("./change/drains.ts");
      const told = isTrial ? renewed(machine, outcome, confirm_ms) : confirmed(machine, outcome);
      return await lookAfterDrains(machine, told, { places, lockTimeout_ms });
    },
  });
  return { ...outcome!, warnings: [...warnings, ...outcome!.warnings] };
}

/** It has come about: the time for confirming begins now. Asked again, it begins anew. */
function renewed(
  { store: { trials }, kernel: { clock } }: Machine,
  outcome: Outcome,
  confirm_ms: number,
): Outcome {
  const trial = trials.open();
  if (!trial) return { ...outcome, notes: [...outcome.notes, "there is nothing to confirm"] };
  const since_ms = clock.now_ms();
  trials.renew({ ...trial, since_ms, until_ms: since_ms + confirm_ms });
  return outcome;
}

/** What is wrong with the config of a first apply is said before a state is made for it. */
async function refuseEarly(places: Places): Promise<LoadedConfig | undefined> {
  const text = await context.readConfig(places);
  if (context.files.stat(places.state)) return undefined;
  const { parseConfig } = await import("../lib/config/load.ts");
  return await parseConfig(text, places.config);
}

/** A file that was emptied by mistake looks like one that asks for nothing. */
async function allGone(store: Store, file: string): Promise<string[]> {
  const { serviceNames } = await import("../lib/config/edit/outline.ts");
  const names = serviceNames(store.revisions.latestApplied()?.config_text ?? "");
  if (names.length === 0) return [];
  const count = names.length === 1 ? "the 1 service" : `all ${names.length} services`;
  const others = names.length - NAMED_MAX;
  const list = names.slice(0, NAMED_MAX).join(", ") + (others > 0 ? ` and ${others} more` : "");
  return [
    `${file} has no [[service]]: ${count} in force go (${list}), and connections through them end`,
  ];
}
