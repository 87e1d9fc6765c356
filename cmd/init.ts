import { Option } from "@commander-js/extra-typings";
import { ENGINE_NAMES, PROTOCOLS, SCHEDULERS } from "../lib/model/service.ts";
import { context } from "./context.ts";
import { collect, parseWeightedEndpoint, type WeightedEndpoint } from "./shared/endpoint.ts";
import { type End, examples, lockingCommand, placesOf } from "./shared/options.ts";
import { setUp, setUpAsking } from "./guide/set_up.ts";
import type { WantedTimer } from "./shared/timer.ts";

const NO_TEXTS: readonly string[] = [];
const NO_BACKENDS: readonly WeightedEndpoint[] = [];
const SERVICE_OPTIONS = "The first service (on a terminal, what is not said is asked for):";

/** `lb init` */
export function initCommand(end: End) {
  return lockingCommand("init")
    .summary("look at this machine, write a config, create the state")
    .description(
      "Tells what the kernel can do and which engines that makes possible, writes a commented " +
        "config if there is none, creates the state database, and sees to it that lb reconcile is run by " +
        "itself. On a terminal it asks for a first service, tries its backends and shows what applying it would " +
        "change; nothing is written before the last answer. Does not touch traffic, unless it is to apply the config. " +
        "Safe to run again: a config that is there is left as it is.",
    )
    .addOption(
      new Option(
        "--timer <kind>",
        "what runs lb reconcile by itself, each minute and at boot",
      )
        .choices(["auto", "cron", "systemd", "none"]).default("auto" as WantedTimer),
    )
    .option("--explain", "tell of each engine what it would be for each service", false)
    .option("--apply", "then apply the config", false)
    .option("-y, --yes", "ask nothing: what is not said is as by default", false)
    .optionsGroup(SERVICE_OPTIONS)
    .option("--service <name>", "its name (default: web)")
    .addOption(new Option("--protocol <name>", "default: tcp").choices(PROTOCOLS))
    .option(
      "--vip <addr>",
      "where clients connect to; as often as there are",
      collectText,
      NO_TEXTS,
    )
    .option("--port <port>", "a port, a range as in 8000-8010, or all", collectText, NO_TEXTS)
    .option(
      "--backend <addr[:port][=weight]>",
      "who serves it; as often as there are",
      collect(parseWeightedEndpoint),
      NO_BACKENDS,
    )
    .addOption(new Option("--scheduler <name>", "default: wrr").choices(SCHEDULERS))
    .addOption(new Option("--engine <name>", "default: auto").choices(["auto", ...ENGINE_NAMES]))
    .option("--vip-on <interface>", "where lb puts the VIP: auto, none, or an interface")
    .option("--masquerade", "backends do not answer through this machine (one-arm)", false)
    .addHelpText(
      "after",
      examples(
        ["lb init", "asks, shows the plan, writes /etc/lb/lb.toml"],
        ["lb init --yes", "asks nothing: the sample to edit, then lb apply"],
        [
          "lb init --vip 203.0.113.10 --port 80 --backend 198.51.100.11:8080 --apply",
          "a service at once",
        ],
        ["lb init --timer cron", "cron runs lb reconcile, and mails what it changes"],
        ["lb init --timer none", "nobody does; what ran it before is removed"],
        ["lb init --json | jq .engines", "for scripts"],
      ),
    )
    .action(async (options) => {
      context.needRoot("init");
      const places = placesOf(options);
      const asks = !options.json && !options.yes && context.isInteractive();
      const isNew = context.files.stat(places.config) === undefined;
      end(await (asks && isNew ? setUpAsking(places, options) : setUp(places, options)));
    });
}

/** For an option that may be given several times. */
function collectText(text: string, earlier: readonly string[]): readonly string[] {
  return [...earlier, text];
}
