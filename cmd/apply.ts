import type { LoadedConfig } from "../lib/config/load.ts";
import type { Outcome } from "../lib/reconcile/outcome.ts";
import type { Store } from "../lib/store/store.ts";
import { change, report } from "./change/change.ts";
import { context, type Places } from "./context.ts";
import { type End, examples, lockingCommand, placesOf } from "./shared/options.ts";

/** Services that are named in one sentence. */
const NAMED_MAX = 6;

/** `lb apply` */
export function applyCommand(end: End) {
  return lockingCommand("apply")
    .summary("bring the kernel to the config")
    .description("Brings the kernel to the config. Needs no earlier init; safe to run again.")
    .option("--plan", "print what would change, and change nothing", false)
    .option("--migrate", "move services to the engines that are best for them now", false)
    .addHelpText(
      "after",
      examples(
        ["lb apply --plan", "what would change"],
        ["lb apply", "do it"],
        ["lb apply --migrate --plan", "what would move, and what becomes of connections"],
        ["lb apply --json | jq .changes", "for scripts"],
      ),
    )
    .action(async (options) => {
      context.needRoot("apply");
      const { lockTimeout: lockTimeout_ms, plan, migrate } = options;
      const outcome = await applyConfig(placesOf(options), { lockTimeout_ms, plan, migrate });
      end(await report(outcome, { json: options.json, planned: plan }));
    });
}

/** How a config is applied. */
export interface ApplyOptions {
  readonly lockTimeout_ms: number;
  readonly plan: boolean;
  /** @default false */
  readonly migrate?: boolean;
  /** What the file is to say, where it has not been written yet. */
  readonly text?: string;
}

/** What `lb apply` does, but for its report. */
export async function applyConfig(
  places: Places,
  { lockTimeout_ms, plan, migrate = false, text }: ApplyOptions,
): Promise<Outcome> {
  const early = text === undefined ? await refuseEarly(places) : undefined;
  const warnings: string[] = [];
  const outcome = await change({
    places,
    lockTimeout_ms,
    dryRun: plan,
    // Read with the lock held: another lb may be editing the file just now.
    text: async () => text ?? await context.readConfig(places),
    file: places.config,
    isMove: migrate,
    async target({ store }, text) {
      const { parseConfig } = await import("../lib/config/load.ts");
      const isKnown = early !== undefined && early.text === text;
      const loaded = isKnown ? early : await parseConfig(text!, places.config);
      if (loaded.config.services.length === 0) {
        warnings.push(...await allGone(store, places.config));
      }
      if (!migrate) return { loaded, command: "lb apply" };
      const { NOTHING_HELD } = await import("../lib/reconcile/selection.ts");
      return { loaded, command: "lb apply --migrate", held: NOTHING_HELD };
    },
    after: async (machine, outcome) => {
      const { lookAfterDrains } = await import("./change/drains.ts");
      return await lookAfterDrains(machine, outcome, { places, lockTimeout_ms });
    },
  });
  return { ...outcome!, warnings: [...warnings, ...outcome!.warnings] };
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
