import { Command, InvalidArgumentError, Option } from "@commander-js/extra-typings";
import { parseDuration } from "../../lib/config/duration.ts";
import type { Places } from "../context.ts";

/** How a command says with which exit code it ended. */
export type End = (exitCode: number) => void;

/** Where lb keeps its things, unless it is told otherwise. */
export const DEFAULT_PLACES: Places = {
  config: "/etc/lb/lb.toml",
  state: "/var/lib/lb",
  runDir: "/run/lb",
};

/** Long names of the options that most commands have. */
export const SHARED_OPTIONS: readonly string[] = [
  "--config",
  "--state",
  "--run-dir",
  "--json",
  "--lock-timeout",
  "--help",
];

/** A command with the options that say where lb keeps its things. */
export function placedCommand(name: string) {
  return new Command(name)
    .option("--config <file>", "config file", env("LB_CONFIG", DEFAULT_PLACES.config))
    .option("--state <dir>", "state folder", env("LB_STATE", DEFAULT_PLACES.state))
    .addOption(runDirOption())
    .option("--json", "one JSON document on stdout, nothing else", false);
}

/** Where locks are, and the queue worker's files. */
export function runDirOption() {
  return new Option("--run-dir <dir>", "folder for locks").argParser(plainPath)
    .default(plainPath(env("LB_RUN", DEFAULT_PLACES.runDir)));
}

/**
 * The one spelling of a path, without a look at the disk: whoever runs in a folder is known by its name. (`node:path`
 * would take 20 ms of every start.)
 */
export function plainPath(text: string): string {
  if (text === "") throw new InvalidArgumentError("write the path of a folder.");
  const steps: string[] = [];
  for (const step of (text.startsWith("/") ? text : `${Deno.cwd()}/${text}`).split("/")) {
    if (step === "..") steps.pop();
    else if (step !== "" && step !== ".") steps.push(step);
  }
  return `/${steps.join("/")}`;
}

/** A command that changes something, so that only one may run at a time. */
export function lockingCommand(name: string) {
  return placedCommand(name).addOption(
    new Option("--lock-timeout <time>", "how long to wait for another run")
      .argParser(parsePatience).default(10_000, "10s"),
  );
}

/** The three places, out of a command's options. */
export function placesOf(options: { config: string; state: string; runDir: string }): Places {
  return { config: options.config, state: options.state, runDir: options.runDir };
}

/** `500ms`, `5s`, `2m`, `1h`, or `0`, in milliseconds. @throws {InvalidArgumentError} */
export function parsePatience(text: string): number {
  const duration_ms = text === "0" ? 0 : parseDuration(text);
  if (duration_ms !== undefined) return duration_ms;
  throw new InvalidArgumentError('write a time such as "500ms", "5s", "2m" or "1h".');
}

/** The same for a pause between two looks, which takes some time. @throws {InvalidArgumentError} */
export function parsePause(text: string): number {
  const pause_ms = parseDuration(text) ?? 0;
  if (pause_ms >= PAUSE_MS_MIN) return pause_ms;
  throw new InvalidArgumentError('write a time from 200ms on, such as "2s".');
}

/** The same for how long a change is on trial. @throws {InvalidArgumentError} */
export function parseTrialTime(text: string): number {
  const time_ms = parseDuration(text) ?? 0;
  if (time_ms >= TRIAL_MS_MIN && time_ms <= TRIAL_MS_MAX) return time_ms;
  throw new InvalidArgumentError('write a time from 1s to 24h, such as "60s" or "5m".');
}

const TRIAL_MS_MIN = 1_000;
const TRIAL_MS_MAX = 24 * 3_600_000;

/** Who looks more often looks at what the looking costs. */
const PAUSE_MS_MIN = 200;

/** Number of a revision, as `lb history` lists it. @throws {InvalidArgumentError} */
export function parseRevision(text: string): number {
  return parseWhole(text, "the number of a revision, as lb history lists it");
}

/** How many. @throws {InvalidArgumentError} */
export function parseCount(text: string): number {
  return parseWhole(text, "a whole number from 1");
}

/** Help text below the options. */
export function examples(...lines: readonly (readonly [command: string, what: string])[]): string {
  const width = Math.max(...lines.map(([command]) => command.length));
  const rows = lines.map(([command, what]) => `  ${command.padEnd(width)}  # ${what}`);
  return `\nExamples:\n${rows.join("\n")}`;
}

function parseWhole(text: string, what: string): number {
  const value = /^\d{1,9}$/.test(text) ? Number(text) : 0;
  if (value >= 1) return value;
  throw new InvalidArgumentError(`write ${what}.`);
}

function env(name: string, fallback: string): string {
  return Deno.env.get(name) || fallback;
}
