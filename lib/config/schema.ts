import * as v from "valibot";
import {
  ENGINE_NAMES,
  FORWARDING_METHODS,
  HEALTH_TYPES,
  OVER_LIMIT,
  type PortRange,
  PROTOCOLS,
  SCHEDULERS,
} from "../model/service.ts";
import * as field from "./field.ts";
import { didYouMean } from "./suggest.ts";
import {
  boolean,
  choice,
  integer,
  leaf,
  list,
  oneOrMany,
  type Schema,
  table,
  tables,
} from "./leaf.ts";

/** What there is to tell people about. */
export const EVENTS = ["health", "drain", "drift", "panic", "engine"] as const;

const engine = () => v.optional(choice(["auto", ...ENGINE_NAMES]));
const count = () => v.optional(integer(0, field.UINT32_MAX));
const seconds = (min_ms = 0) => v.optional(field.duration(min_ms));

const SNMP = {
  version: v.optional(choice(["2c", "3"])),
  oid: v.optional(field.oid()),
  port: v.optional(field.port()),
  community_file: v.optional(field.absolutePath()),
  user: v.optional(field.nonEmptyText("a user name")),
  auth: v.optional(choice(["md5", "sha", "sha256", "sha512"])),
  auth_file: v.optional(field.absolutePath()),
  privacy: v.optional(choice(["des", "aes"])),
  privacy_file: v.optional(field.absolutePath()),
};

const snmp = () => v.optional(table("snmp", SNMP));

const HEALTH = {
  type: v.optional(choice(HEALTH_TYPES)),
  port: v.optional(field.port()),
  path: v.optional(field.urlPath()),
  host: v.optional(field.hostName()),
  status: v.optional(list("status codes", field.statusRange(), 1)),
  body: v.optional(field.nonEmptyText("the text to look for")),
  verify: v.optional(boolean()),
  query: v.optional(field.hostName()),
  answer: v.optional(field.addressText()),
  command: v.optional(field.argv()),
  source: v.optional(field.addressText()),
  passive: v.optional(boolean()),
  panic: v.optional(integer(0, 100)),
  interval: seconds(1),
  timeout: seconds(1),
  rise: v.optional(integer(1, 1000)),
  fall: v.optional(integer(1, 1000)),
  snmp: snmp(),
};

const DRAIN = { deadline: seconds() };

const BALANCE = { slow_start: seconds(), bound: v.optional(field.fraction()) };

const BACKEND = {
  address: field.address(),
  port: v.optional(field.port()),
  weight: v.optional(integer(0, 65535)),
  backup: v.optional(boolean()),
  max_connections: count(),
  health: v.optional(table("a backend's health", HEALTH)),
};

const PERSISTENCE = {
  timeout: field.duration(1),
  mask: v.optional(integer(1, 32)),
  mask6: v.optional(integer(1, 128)),
};

const SERVICE = {
  name: field.serviceName(),
  vip: oneOrMany("an address or prefix", field.prefix()),
  protocol: v.optional(choice(PROTOCOLS)),
  ports: ports(),
  vip_on: v.optional(field.vipOn()),
  engine: engine(),
  scheduler: v.optional(choice(SCHEDULERS)),
  persistence: v.optional(persistence()),
  forward: v.optional(choice(FORWARDING_METHODS)),
  masquerade: v.optional(boolean()),
  mark: v.optional(field.mark()),
  dscp: v.optional(field.dscp()),
  priority: v.optional(field.trafficClass()),
  // Nobody in the list could be read as everybody or as nobody: who wants either can write it.
  allow: v.optional(list("prefixes", field.prefix(), 1)),
  deny: v.optional(list("prefixes", field.prefix())),
  max_connections: count(),
  max_new_per_second: count(),
  over_limit: v.optional(choice(OVER_LIMIT)),
  health: v.optional(table("[service.health]", HEALTH)),
  drain: v.optional(table("[service.drain]", DRAIN)),
  balance: v.optional(table("[service.balance]", BALANCE)),
  snmp: snmp(),
  backend: v.optional(tables("[[service.backend]]", table("[[service.backend]]", BACKEND, homeOf))),
};

const LB = {
  engine: engine(),
  mark_mask: v.optional(field.markMask()),
  sysctl: v.optional(choice(["apply", "check"])),
};

const TIER = { nodes: v.optional(integer(1, 65535)) };

const NOTIFY = {
  webhook: v.optional(field.webUrl()),
  secret_file: v.optional(field.absolutePath()),
  program: v.optional(field.argv()),
  events: v.optional(list("events", choice(EVENTS))),
};

const ROOT = {
  lb: v.optional(table("[lb]", LB, homeOf)),
  tier: v.optional(table("[tier]", TIER, homeOf)),
  notify: v.optional(table("[notify]", NOTIFY, homeOf)),
  service: v.optional(tables("[[service]]", table("[[service]]", SERVICE, homeOf))),
};

/** Every key of `lb.toml`. Values come out in the model's units; nothing is filled in. */
export const FILE = table("the file", ROOT, homeOf);

/** The whole file as written. */
export type WrittenFile = v.InferOutput<typeof FILE>;
export type WrittenService = NonNullable<WrittenFile["service"]>[number];
export type WrittenBackend = NonNullable<WrittenService["backend"]>[number];
export type WrittenHealth = NonNullable<WrittenService["health"]>;
export type WrittenSnmp = NonNullable<WrittenService["snmp"]>;

function ports(): Schema<PortRange[] | "all"> {
  const all = choice(["all"]);
  const ranges = list("ports and ranges", field.portRange(), 1);
  const neither = leaf<never>(
    'a list of ports and ranges, or "all"',
    () => undefined,
    (value) => {
      if (typeof value === "bigint") return `write ports = [${value}]`;
      if (typeof value !== "string") return undefined;
      return /^\d[\d-]*$/.test(value) ? `write ports = ["${value}"]` : didYouMean(value, ["all"]);
    },
  );
  return v.lazy((value): Schema<PortRange[] | "all"> =>
    value === "all" ? all : Array.isArray(value) ? ranges : neither
  );
}

function persistence(): Schema<{ timeout: number; mask?: number; mask6?: number }> {
  const short = v.pipe(field.duration(1), v.transform((timeout) => ({ timeout })));
  const long = table("persistence", PERSISTENCE);
  return v.lazy((value): Schema<{ timeout: number; mask?: number; mask6?: number }> =>
    typeof value === "object" ? long : short
  );
}

/** Says in which table a key belongs that was written in another one. */
function homeOf(key: string): string | undefined {
  const homes = {
    "[lb]": LB,
    "[tier]": TIER,
    "[notify]": NOTIFY,
    "[[service]]": SERVICE,
    "[service.health]": HEALTH,
    "[service.drain]": DRAIN,
    "[service.balance]": BALANCE,
    "[[service.backend]]": BACKEND,
  };
  const home = Object.entries(homes).find(([, entries]) => Object.hasOwn(entries, key));
  return home && `\`${key}\` belongs in ${home[0]}`;
}
