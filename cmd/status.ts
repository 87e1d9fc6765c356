import { Option } from "@commander-js/extra-typings";
import { shortages } from "../lib/reconcile/headroom.ts";
import type { ServiceStatus, Status } from "../lib/reconcile/status.ts";
import { calmly } from "./shared/calm.ts";
import { context, type Places } from "./context.ts";
import { noService } from "./shared/no_service.ts";
import {
  type End,
  examples,
  parsePause,
  placedCommand,
  placesOf,
  plainPath,
} from "./shared/options.ts";
import type { StatusLook, StatusOutput } from "./status/output.ts";

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
  const status = await calmly(places, () => statusNow(places), isDrifted);
  const shown = name === undefined ? status : await onlyService(status, name);
  return { status: shown, needsAttention: needsAttention(shown) };
}

async function statusNow(places: Places): Promise<Status> {
  const store = await context.readStore(places);
  try {
    const { currentStatus } = await import("./shared/current_status.ts");
    return await currentStatus(places, store);
  } finally {
    store?.close();
  }
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
function needsAttention(status: Status): boolean {
  const { drifted, blocked, services } = status;
  return drifted.length + blocked.length + shortages(status).length > 0 || services.some(isUnwell);
}

/** Who was never checked is not ill, nor is who is in maintenance. */
function isUnwell({ backends, panic_since_ms }: ServiceStatus): boolean {
  return panic_since_ms !== undefined ||
    backends.some(({ health, check_ms, intent }) =>
      health !== "healthy" && check_ms !== null && intent !== "maintenance"
    );
}

async function onlyService(status: Status, name: string): Promise<Status> {
  const services = status.services.filter(({ service }) => service.name === name);
  if (services.length > 0) return { ...status, services };
  throw await noService(name, status.services.map(({ service }) => service.name));
}
