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
  optional,
  type OutputOf,
  type Schema,
  table,
  tables,
} from "./leaf.ts";

/** What there is to tell people about. */
export const EVENTS = ["health", "drain", "drift", "panic", "engine"] as const;

const engine = () => optional(choice(["auto", ...ENGINE_NAMES]));
const count = () => optional(integer(0, field.UINT32_MAX));
const seconds = (min_ms = 0) => optional(field.duration(min_ms));

const SNMP = {
  version: optional(choice(["2c", "3"])),
  oid: optional(field.oid()),
  port: optional(field.port()),
  community_file: optional(field.absolutePath()),
  user: optional(field.nonEmptyText("a user name")),
  auth: optional(choice(["md5", "sha", "sha256", "sha512"])),
  auth_file: optional(field.absolutePath()),
  privacy: optional(choice(["des", "aes"])),
  privacy_file: optional(field.absolutePath()),
};

const snmp = () => optional(table("snmp", SNMP));

const HEALTH = {
  type: optional(choice(HEALTH_TYPES)),
  port: optional(field.port()),
  path: optional(field.urlPath()),
  host: optional(field.hostName()),
  status: optional(list("status codes", field.statusRange(), 1)),
  body: optional(field.nonEmptyText("the text to look for")),
  verify: optional(boolean()),
  query: optional(field.hostName()),
  answer: optional(field.addressText()),
  command: optional(field.argv()),
  source: optional(field.origin()),
  passive: optional(boolean()),
  panic: optional(integer(0, 100)),
  interval: seconds(1),
  timeout: seconds(1),
  rise: optional(integer(1, 1000)),
  fall: optional(integer(1, 1000)),
  snmp: snmp(),
};

const DRAIN = { deadline: seconds() };

const BALANCE = { slow_start: seconds(), bound: optional(field.fraction()) };

const BACKEND = {
  address: field.address(),
  port: optional(field.port()),
  weight: optional(integer(0, 65535)),
  backup: optional(boolean()),
  max_connections: count(),
  health: optional(table("a backend's health", HEALTH)),
};

const PERSISTENCE = {
  timeout: field.duration(1),
  mask: optional(integer(1, 32)),
  mask6: optional(integer(1, 128)),
};

const SERVICE = {
  name: field.serviceName(),
  vip: oneOrMany("an address or prefix", field.prefix()),
  protocol: optional(choice(PROTOCOLS)),
  ports: ports(),
  vip_on: optional(field.vipOn()),
  engine: engine(),
  scheduler: optional(choice(SCHEDULERS)),
  persistence: optional(persistence()),
  forward: optional(choice(FORWARDING_METHODS)),
  masquerade: optional(boolean()),
  mark: optional(field.mark()),
  dscp: optional(field.dscp()),
  priority: optional(field.trafficClass()),
  // Nobody in the list could be read as everybody or as nobody: who wants either can write it.
  allow: optional(list("prefixes", field.prefix(), 1)),
  deny: optional(list("prefixes", field.prefix())),
  max_connections: count(),
  max_new_per_second: count(),
  over_limit: optional(choice(OVER_LIMIT)),
  health: optional(table("[service.health]", HEALTH)),
  drain: optional(table("[service.drain]", DRAIN)),
  balance: optional(table("[service.balance]", BALANCE)),
  snmp: snmp(),
  agent_port: optional(field.port()),
  backend: optional(tables("[[service.backend]]", table("[[service.backend]]", BACKEND, homeOf))),
};

const LB = {
  engine: engine(),
  mark_mask: optional(field.markMask()),
  sysctl: optional(choice(["apply", "check"])),
};

const TIER = { nodes: optional(integer(1, 65535)) };

const NOTIFY = {
  webhook: optional(field.webUrl()),
  secret_file: optional(field.absolutePath()),
  program: optional(field.argv()),
  events: optional(list("events", choice(EVENTS))),
};

const ROOT = {
  lb: optional(table("[lb]", LB, homeOf)),
  tier: optional(table("[tier]", TIER, homeOf)),
  notify: optional(table("[notify]", NOTIFY, homeOf)),
  service: optional(tables("[[service]]", table("[[service]]", SERVICE, homeOf))),
};

/** Every key of `lb.toml`. Values come out in the model's units; nothing is filled in. */
export const FILE = table("the file", ROOT, homeOf);

/** The whole file as written. */
export type WrittenFile = OutputOf<typeof FILE>;
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
  return {
    read(value, reading) {
      const schema = value === "all" ? all : Array.isArray(value) ? ranges : neither;
      return schema.read(value, reading);
    },
  };
}

function persistence() {
  const timeout = field.duration(1);
  const long = table("persistence", PERSISTENCE);
  const short: Schema<OutputOf<typeof long>> = {
    read(value, reading) {
      const timeout_ms = timeout.read(value, reading);
      return timeout_ms === undefined ? undefined : { timeout: timeout_ms };
    },
  };
  const schema: typeof long = {
    entries: long.entries,
    read: (value, reading) => (typeof value === "object" ? long : short).read(value, reading),
  };
  return schema;
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
