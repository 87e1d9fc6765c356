import { EXIT_ATTENTION, EXIT_OK } from "../lib/model/error.ts";
import type { IntentRow } from "../lib/model/intent.ts";
import { nameOfKey } from "../lib/model/service.ts";
import type { Outcome } from "../lib/reconcile/outcome.ts";
import type { Machine } from "../lib/reconcile/request.ts";
import type { Remnant } from "../lib/store/remains.ts";
import { change, printNothing, report } from "./change/change.ts";
import { context, type Places } from "./context.ts";
import { say } from "./shared/io.ts";
import { lookForRules } from "./shared/leftover.ts";
import { type End, examples, lockingCommand, placesOf } from "./shared/options.ts";
import { removeTimers } from "./shared/timer.ts";

/** A config without services: what is left of it in the kernel is nothing. */
const NOTHING_WANTED = "";

/** `lb uninstall` */
export function uninstallCommand(end: End) {
  return lockingCommand("uninstall")
    .summary("remove rules and addresses, put every sysctl back")
    .description(
      "Removes lb's rules and addresses and puts every sysctl back to what it was before lb changed " +
        "it, unless somebody else has changed it since, and what ran lb reconcile by itself. Config and state stay, unless --purge; they stay " +
        "then, too, while anything is left that only they tell how to put back.",
    )
    .option("--purge", "remove the config file and the state folder too", false)
    .option("-y, --yes", "do not ask; without a terminal nothing is asked anyway", false)
    .addHelpText(
      "after",
      examples(
        ["lb uninstall", "asks on a terminal"],
        ["lb uninstall --yes --purge", "everything, without a question"],
      ),
    )
    .action(async (options) => {
      context.needRoot("uninstall");
      const places = placesOf(options);
      if (!options.yes && !await confirm(options.purge)) return end(EXIT_OK);
      const lockTimeout_ms: number = options.lockTimeout;
      const isKnown = context.hasState(places);
      const found = isKnown ? undefined : await lookForRules(places);
      if (!found || found.engines.length > 0) {
        const request = { places, lockTimeout_ms, purges: options.purge, isKnown };
        const outcome = await uninstall(request);
        const left = await removeTimers(places);
        const told = { ...outcome, blocked: [...outcome.blocked, ...left] };
        return end(await report(told, { json: options.json, planned: false }));
      }
      const left = await removeTimers(places);
      if (options.purge) await purgeAlone(places, lockTimeout_ms);
      for (const line of left) say(`attention: ${line}`);
      if (options.json) await printNothing();
      else say(`There is no state in ${places.state}: lb changed nothing here${found.doubt}.`);
      end(left.length > 0 ? EXIT_ATTENTION : EXIT_OK);
    });
}

interface Request {
  readonly places: Places;
  readonly lockTimeout_ms: number;
  readonly purges: boolean;
  /** Whether there is a state that tells what lb changed. */
  readonly isKnown: boolean;
}

async function uninstall(
  { places, lockTimeout_ms, purges, isKnown }: Request,
): Promise<Outcome> {
  const [{ parseConfig }, { purge, remainsElsewhere, whyKept }] = await Promise.all([
    import("../lib/config/load.ts"),
    import("./change/purge.ts"),
  ]);
  let elsewhere: readonly Remnant[] = [];
  let forgotten: readonly string[] = [];
  const outcome = await change({
    places,
    lockTimeout_ms,
    dryRun: false,
    async check(machine) {
      const { endCut } = await import("../lib/reconcile/drain/drain.ts");
      await endCut(machine, Infinity);
      forgotten = forgottenNotes(machine.store.intents.all());
      return [];
    },
    async target(machine) {
      elsewhere = remainsElsewhere(machine);
      const loaded = await parseConfig(NOTHING_WANTED, "lb uninstall");
      return { loaded, command: "lb uninstall" };
    },
    finish(machine, outcome) {
      // What was wanted of backends goes with them.
      machine.store.intents.replace([]);
      const unknown = isKnown ? pastOf(machine) : [unknownPast(places)];
      machine.store.takeOvers.forget(machine.host);
      const blocked = [...outcome.blocked, ...unknown];
      if (!purges) return { ...outcome, blocked };
      const kept = whyKept(machine, elsewhere, outcome.blocked.length > 0);
      if (kept.length === 0) purge(places);
      return { ...outcome, blocked: [...blocked, ...kept] };
    },
  });
  return { ...outcome!, notes: [...outcome!.notes, ...forgotten] };
}

/** An apply brings all backends back as ready: who works on one of them had better know. */
function forgottenNotes(rows: readonly IntentRow[]): string[] {
  const names = rows.filter(({ intent }) => intent !== "ready")
    .map(({ service, backend, intent }) => `${service} ${nameOfKey(backend)} (${intent})`);
  if (names.length === 0) return [];
  return [`forgot what was wanted of backends, "lb apply" has them serve: ${names.join(", ")}`];
}

function unknownPast({ state }: Places): string {
  return `there was no state in ${state}: which sysctls and addresses lb set here is not known, and ` +
    "nothing was done to them; a reboot ends them, or you put them back by hand";
}

/** Of rules that were taken over nothing told what else was set with them. */
function pastOf({ store, host }: Machine): string[] {
  const takeOver = store.takeOvers.of(host);
  if (!takeOver) return [];
  const at = new Date(takeOver.at_ms).toISOString();
  const vips = takeOver.vips.length > 0
    ? `addresses (such as ${named(takeOver.vips)})`
    : "addresses";
  return [
    `at ${at} rules were taken over that an lb had left and no state told of: which sysctls and ${vips} ` +
    "it had set is not known, and nothing was done to them; a reboot ends them, or you put them back by hand",
  ];
}

/** More than these say no more. */
const NAMED_MAX = 6;

function named(vips: readonly string[]): string {
  const others = vips.length - NAMED_MAX;
  return [...vips.slice(0, NAMED_MAX), ...others > 0 ? [`${others} more`] : []].join(", ");
}

/** There is nothing to put back, but maybe a config and what a killed run left. */
async function purgeAlone(places: Places, lockTimeout_ms: number): Promise<void> {
  const { purge } = await import("./change/purge.ts");
  const lock = await context.lock(places, lockTimeout_ms);
  try {
    purge(places);
  } finally {
    lock.release();
  }
}

/** Asks on a terminal only: a script that says "uninstall" has nobody to ask. */
async function confirm(purge: boolean): Promise<boolean> {
  if (!Deno.stdin.isTerminal() || !Deno.stderr.isTerminal()) return true;
  const prompts = await import("@clack/prompts");
  const message = "Remove lb's rules and addresses, and put all sysctls back" +
    (purge ? ", and delete config and state?" : "?");
  return await prompts.confirm({ message, initialValue: false }) === true;
}
