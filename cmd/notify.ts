import { EXIT_ATTENTION, EXIT_OK } from "../lib/model/error.ts";
import type { Channel } from "../lib/notify/channel.ts";
import type { Event } from "../lib/store/events.ts";
import type { ChannelStanding } from "../lib/store/outbox.ts";
import { context, type Places } from "./context.ts";
import { print, printJson, stdoutPaint } from "./shared/io.ts";
import { type End, examples, placedCommand, placesOf } from "./shared/options.ts";
import { VERSION } from "./shared/version.ts";

/** `lb notify` */
export function notifyCommand(end: End) {
  return placedCommand("notify")
    .summary("who is told of events, and whether that works")
    .description(
      "Shows by which channels of [notify] people are told of events, what was told and what still waits. With " +
        "--test, each channel of lb.toml as it is now, applied or not, is told of an event of kind test.",
    )
    .option("--test", "tell of a test, and say what came of it", false)
    .addHelpText(
      "after",
      examples(
        ["lb notify", "what was told, and what waits; exit code 1 if a channel fails"],
        ["lb notify --test", "try what is in lb.toml; exit code 1 if it does not work"],
      ),
    )
    .action(async (options) => {
      context.needRoot("notify");
      const places = placesOf(options);
      end(await (options.test ? test(places, options.json) : show(places, options.json)));
    });
}

/** What came of a test. */
interface Tried {
  readonly channel: string;
  readonly where: string;
  readonly ok: boolean;
  readonly error: string;
  readonly ms: number;
}

async function test(places: Places, json: boolean): Promise<number> {
  const [{ config: { notify } }, { channelsOf }] = await Promise.all([
    context.loadConfig(places),
    import("../lib/notify/channels.ts"),
  ]);
  const channels = channelsOf(notify, {
    ports: context.channelPorts(),
    config: context.configPath(places),
    version: VERSION,
  });
  const tried = await Promise.all(channels.map(tryOut));
  if (json) printJson({ channels: tried });
  else print(tried.map(triedLine).join("\n") || NOBODY);
  return tried.every(({ ok }) => ok) ? EXIT_OK : EXIT_ATTENTION;
}

const NOBODY = "Nobody is told: lb.toml has no [notify] with a webhook or a program.";

async function tryOut(channel: Channel): Promise<Tried> {
  const { whyNot } = await import("../lib/notify/deliver.ts");
  const now_ms = context.clock.now_ms();
  const event: Event = { id: 0, at_ms: now_ms, kind: "test", message: "lb notify --test" };
  const begin_ms = performance.now();
  const { timeout_ms, name, where } = channel;
  const why = await whyNot(channel, { event, attempt: 1, timeout_ms, now_ms });
  const ms = Math.round(performance.now() - begin_ms);
  return { channel: name, where, ok: why === undefined, error: why ?? "", ms };
}

function triedLine({ channel, where, ok, error, ms }: Tried): string {
  const paint = stdoutPaint();
  return ok
    ? `${channel} ${where}: told in ${ms} ms`
    : paint(`! ${channel} ${where}: ${error}`, "yellow");
}

async function show(places: Places, json: boolean): Promise<number> {
  const store = await context.readStore(places);
  const standings = store?.outbox.standings() ?? [];
  store?.close();
  if (json) printJson({ channels: standings.map(standingJson) });
  else print(standings.map(standingLine).join("\n") || NOBODY_YET);
  return standings.some(({ failures }) => failures > 0) ? EXIT_ATTENTION : EXIT_OK;
}

const NOBODY_YET = 'Nobody is told of events: no [notify] has been applied ("lb notify --test" ' +
  "tries the one in lb.toml).";

function standingJson({ due_at_ms, delivered_at_ms, failures, ...rest }: ChannelStanding) {
  const iso = (at_ms: number | null) => at_ms === null ? null : new Date(at_ms).toISOString();
  const next_try_at = failures > 0 ? iso(due_at_ms) : null;
  return { ...rest, failures, delivered_at: iso(delivered_at_ms), next_try_at };
}

function standingLine({ channel, delivered, waiting, given_up, failures, error }: ChannelStanding) {
  const parts = [`${delivered} told`, `${waiting} waiting`, `${given_up} given up`].join(", ");
  if (failures === 0) return `${channel}: ${parts}`;
  const tries = failures === 1 ? "try" : `${failures} tries`;
  return stdoutPaint()(`! ${channel}: ${parts}; the last ${tries} failed: ${error}`, "yellow");
}
