import { parseArgs } from "node:util";
import { CONTENDERS, DIRECT } from "./contenders.ts";

/** Parts of the bench, in the order they run. */
export const SECTIONS = [
  ...["connections", "downloads", "apply", "startup", "status", "health", "live", "ipvs"] as const,
  ...["queue", "endurance"] as const,
] as const;
export type Section = typeof SECTIONS[number];

export interface Options {
  readonly sections: readonly Section[];
  /** Names; the direct route is always among them. */
  readonly contenders: readonly string[];
  readonly pairs: number;
  /** Of each measurement of traffic. */
  readonly seconds: number;
  /** Sizes of `apply`. */
  readonly services: readonly number[];
  /** Where nfqlb's program is; "" where none was given. */
  readonly nfqlb: string;
  /** What the queue worker has to hold out: packets it answers, and hostile ones. */
  readonly verdicts: number;
  readonly hostile: number;
  readonly json: boolean;
  readonly check: boolean;
  readonly write: boolean;
  readonly help: boolean;
}

/** Fewer than seven pairs say little; an even number gives each order as often. */
const PAIRS_DEFAULT = 8;
const SECONDS_DEFAULT = 8;
const SERVICES_DEFAULT = "10,1000,10000";
const SERVICES_MAX = 12_000;
const VERDICTS_DEFAULT = 10_000_000;
const HOSTILE_DEFAULT = 1_000_000;
const PACKETS_MAX = 1_000_000_000;

export const USAGE = `Usage: deno task bench [options]

  --only NAME,…     parts (${SECTIONS.join(", ")}) and contenders
                    (${CONTENDERS.map(({ name }) => name).join(", ")})
  --pairs N         rounds, each measuring everything once (default ${PAIRS_DEFAULT})
  --seconds S       of each measurement of traffic (default ${SECONDS_DEFAULT})
  --services N,…    sizes of apply (default ${SERVICES_DEFAULT})
  --nfqlb PATH      program that lb's queue worker is compared with; without it, queue is left out
                    (built from https://github.com/Nordix/nfqueue-loadbalancer: make -C src)
  --verdicts N      of endurance (default ${VERDICTS_DEFAULT})
  --hostile N       packets of endurance (default ${HOSTILE_DEFAULT})
  --check           fail where a goal is missed
  --write           write docs/performance.md
  --json            all samples as JSON on stdout instead of tables

The task builds dist/lb first; LB=FILE measures that lb instead.`;

/** @throws {Error} naming what is wrong */
export function parseOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: "string", default: "" },
      pairs: { type: "string", default: `${PAIRS_DEFAULT}` },
      seconds: { type: "string", default: `${SECONDS_DEFAULT}` },
      services: { type: "string", default: SERVICES_DEFAULT },
      nfqlb: { type: "string", default: "" },
      verdicts: { type: "string", default: `${VERDICTS_DEFAULT}` },
      hostile: { type: "string", default: `${HOSTILE_DEFAULT}` },
      check: { type: "boolean", default: false },
      write: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  const { nfqlb, check, write, json, help } = values;
  return {
    ...chooseParts(values.only.split(",").filter((name) => name !== "")),
    pairs: wholeNumber("--pairs", values.pairs, 100),
    seconds: wholeNumber("--seconds", values.seconds, 60),
    services: values.services.split(",").map((size) =>
      wholeNumber("--services", size, SERVICES_MAX)
    ),
    verdicts: wholeNumber("--verdicts", values.verdicts, PACKETS_MAX),
    hostile: wholeNumber("--hostile", values.hostile, PACKETS_MAX),
    ...{ nfqlb, check, write, json, help },
  };
}

/** Contenders alone mean the parts they take part in. */
function chooseParts(names: readonly string[]) {
  const known = CONTENDERS.map(({ name }) => name);
  const sections = SECTIONS.filter((section) => names.includes(section));
  const contenders = known.filter((name) => names.includes(name));
  const wrong = names.filter((name) => ![...SECTIONS, ...known].includes(name));
  if (wrong.length > 0) {
    throw new Error(`--only ${wrong.join(",")}: use ${[...SECTIONS, ...known].join(", ")}`);
  }
  const implied: readonly Section[] = contenders.length > 0
    ? ["connections", "downloads"]
    : SECTIONS;
  return {
    sections: sections.length > 0 ? sections : implied,
    contenders: contenders.length > 0
      ? known.filter((name) => name === DIRECT || contenders.includes(name))
      : known,
  };
}

function wholeNumber(option: string, text: string, max: number): number {
  if (/^[1-9]\d*$/.test(text) && Number(text) <= max) return Number(text);
  throw new Error(`${option} ${text}: use a whole number from 1 to ${max}`);
}
