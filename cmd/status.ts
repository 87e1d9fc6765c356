import { Option } from "@commander-js/extra-typings";
import type { LoadedConfig } from "../lib/config/load.ts";
import { formatEndpoint } from "../lib/model/address.ts";
import { LbError } from "../lib/model/error.ts";
import type { ServiceStatus, Status } from "../lib/reconcile/status.ts";
import type { Store } from "../lib/store/store.ts";
import { calmly } from "./shared/calm.ts";
import { context, type Places } from "./context.ts";
import type { readFacts } from "./shared/machine.ts";
import {
  type End,
  examples,
  parsePause,
  placedCommand,
  placesOf,
  plainPath,
} from "./shared/options.ts";
import type { StatusLook, StatusOutput } from "./status/output.ts";
import { VERSION } from "./shared/version.ts";

interface StatusOptions extends StatusOutput {
  readonly once: boolean;
}

/** `lb status` */
export function statusCommand(end: End) {
  return placedCommand("status")
    .summary("services and backends, with their connections")
    .description(
      "Shows every service with its backends, weights and connections. On a terminal that is a screen which " +
        'follows them, and takes orders: "?" tells its keys, "q" ends it. In a pipe, and with an option that ' +
        "prints, it is printed.",
    )
    .argument("[service]", "only this one")
    .option("--once", "print once and exit, also on a terminal", false)
    .option("--prometheus", "metrics, in the text format of Prometheus", false)
    .addOption(
      new Option("--output <file>", "write there instead, at once and whole (mode 0644)")
        .argParser(plainPath),
    )
    .option("--watch <time>", 'print again every so often ("2s"), until Ctrl-C', parsePause)
    .addHelpText(
      "after",
      examples(
        ["lb status", "all services: the live screen, on a terminal"],
        ["lb status web", "the same of one service"],
        ["lb status --once", "printed, also on a terminal"],
        ["lb status --watch 2s", "again and again, on any terminal"],
        ["lb status --json | jq '.services[].backends'", "for scripts"],
        [
          "lb status --prometheus --output /var/lib/prometheus/node-exporter/lb.prom",
          "for node-exporter's textfile collector",
        ],
      ),
    )
    .action(async (name, options) => {
      context.needRoot("status");
      if (isLive(options)) {
        const { live } = await import("./status/live.ts");
        return end(await live(placesOf(options), name));
      }
      const { tellStatus } = await import("./status/output.ts");
      const look = () => lookAt(placesOf(options), name);
      end(await tellStatus(look, options));
    });
}

/** One look. */
async function lookAt(places: Places, name: string | undefined): Promise<StatusLook> {
  const status = await calmly(places, () => currentStatus(places), isDrifted);
  const shown = name === undefined ? status : await onlyService(status, name);
  return { status: shown, needsAttention: needsAttention(shown) };
}

/** Somebody sits there and sees what is printed. */
function isLive({ once, json, prometheus, output, watch }: StatusOptions): boolean {
  const isPrinted = once || json || prometheus || output !== undefined || watch !== undefined;
  return !isPrinted && Deno.stdin.isTerminal() && Deno.stdout.isTerminal() &&
    Deno.env.get("TERM") !== "dumb";
}

function isDrifted({ drifted }: Status): boolean {
  return drifted.length > 0;
}

/** Something differs, is in the way, or is not well. */
function needsAttention({ drifted, blocked, services }: Status): boolean {
  return drifted.length + blocked.length > 0 || services.some(isUnwell);
}

/** Who was never checked is not ill, nor is who is in maintenance. */
function isUnwell({ backends, panic_since_ms }: ServiceStatus): boolean {
  return panic_since_ms !== undefined ||
    backends.some(({ health, check_ms, intent }) =>
      health !== "healthy" && check_ms !== null && intent !== "maintenance"
    );
}

async function currentStatus(places: Places): Promise<Status> {
  const store = await context.readStore(places);
  const status = store ? await statusOf(store, places) : NOTHING_APPLIED;
  if (status.revision !== null) return status;
  const { unrecordedRules } = await import("./shared/leftover.ts");
  return { ...status, blocked: await unrecordedRules(places) };
}

/** What a look need not find out anew each time. */
export interface Known {
  readonly loaded: (store: Store) => Promise<LoadedConfig | undefined>;
  readonly facts: typeof readFacts;
}

/** The state of everything. @param known @default finds out everything; the store is closed then */
export async function statusOf(store: Store, places: Places, known?: Known): Promise<Status> {
  try {
    const [{ appliedConfig }, { readFacts }, { readStatus }] = await Promise.all([
      import("./shared/applied.ts"),
      import("./shared/machine.ts"),
      import("../lib/reconcile/status.ts"),
    ]);
    const kernel = context.kernel(places);
    const host = context.hostIdentity();
    // While nft is asked for its version, the config is parsed.
    const [facts, loaded] = store.revisions.latestApplied()
      ? await Promise.all([
        (known?.facts ?? readFacts)(kernel, store, host),
        (known?.loaded ?? appliedConfig)(store),
      ])
      : [];
    const applied = loaded && facts && { loaded, facts };
    const about = await configFound(places);
    const worker = context.worker(kernel);
    const onlooker = { kernel, store, host, version: VERSION, worker };
    const status = await readStatus(onlooker, applied, about);
    return { ...status, blocked: [...status.blocked, ...removalsDue(status)] };
  } finally {
    if (!known) store.close();
  }
}

/** Whose drain is over leaves with the run that ends it, unless something stands in the way. */
function removalsDue({ services }: Status): string[] {
  return services.flatMap(({ service, backends }) =>
    backends.filter(({ drain }) => drain?.removes && drain.ended !== null).map(({ backend }) =>
      `${service.name} ${
        formatEndpoint(backend.address, backend.port)
      }: drained, and still in the ` +
      'config; "lb reconcile" takes it out, or says what is in the way'
    )
  );
}

/** What is in force is told whatever has become of the file. */
async function configFound(
  places: Places,
): Promise<{ readonly config_text: string } | { readonly config_trouble: string }> {
  try {
    const config_text = await context.peekConfig(places);
    if (config_text !== undefined) return { config_text };
    return { config_trouble: `there is no ${places.config}` };
  } catch (error) {
    if (error instanceof LbError) return { config_trouble: error.message };
    throw error;
  }
}

/** Where there is no state. */
export const NOTHING_APPLIED: Status = {
  version: VERSION,
  revision: null,
  applied_at_ms: null,
  drift_last_pass: 0,
  last_pass_at_ms: null,
  skipped_passes: 0,
  drifted: [],
  blocked: [],
  config_edited: false,
  notes: [],
  services: [],
};

async function onlyService(status: Status, name: string): Promise<Status> {
  const services = status.services.filter(({ service }) => service.name === name);
  if (services.length > 0) return { ...status, services };
  const { serviceHint } = await import("../lib/config/suggest.ts");
  const names = status.services.map(({ service }) => service.name);
  throw new LbError("usage", `there is no service ${name}; ${serviceHint(name, names)}`);
}
