import type { Address } from "../model/address.ts";
import type { EngineName, Protocol, Scheduler } from "../model/service.ts";
import { parseToml } from "./parse.ts";
import { validate } from "./validate.ts";

/** A backend of a {@linkcode FirstService}. */
export interface FirstBackend {
  readonly address: Address;
  /** undefined keeps the port the client asked for. */
  readonly port?: number;
  /** undefined is the default. */
  readonly weight?: number;
}

/**
 * What somebody who sets lb up is asked of a service; all else stays as it is by default. What is text here is
 * as it was typed: the config's own checks say what is wrong with it.
 */
export interface FirstService {
  readonly name: string;
  readonly protocol: Protocol;
  readonly vip: readonly string[];
  /** Ports and ranges, or `all` alone. */
  readonly ports: readonly string[];
  /** `auto`, `none`, or an interface. */
  readonly vip_on: string;
  readonly engine: EngineName | "auto";
  readonly scheduler: Scheduler;
  readonly masquerade: boolean;
  readonly backends: readonly FirstBackend[];
}

/** Where the sample's own service begins, and what stands there instead in a config of somebody's own. */
const EXAMPLE = "# An example of a service.";
const OWN =
  `# Written by \`lb init\`. What is optional has a # before it, and stands there with its default or an
# example. Further services go below.
`;

const BACKEND_HEADER = "[[service.backend]]";

/** Where remarks begin. */
const REMARK_COLUMN = 41;

/** A key, as it would be written, and what is said of it. */
const SETTING = /^#?([a-z_0-9]+) = .*?(?:\s+# (.*))?$/;

/** How keys' values are spelt. */
type Values = Readonly<Record<string, string>>;

/**
 * An `lb.toml` for one service: the sample with its remarks, in which the example has become that service. Pure.
 *
 * @param sample templates/lb.toml
 */
export function firstConfig(sample: string, service: FirstService): string {
  const at = sample.indexOf(`\n${EXAMPLE}`) + 1;
  const example = offered(sample.slice(at));
  const backendsAt = example.indexOf(BACKEND_HEADER);
  const backend = example.slice(backendsAt, example.indexOf("", backendsAt));
  const blocks = [
    serviceLines(example.slice(0, backendsAt), service),
    ...service.backends.map((one, index) => backendLines(backend, one, index === 0)),
  ];
  const text = blocks.map((lines) => lines.join("\n").trim()).join("\n\n");
  return `${sample.slice(0, at)}${OWN}\n${text}\n`;
}

/**
 * What is wrong with an answer: the first error, at this key, of the config that it leads to. Pure.
 *
 * @returns undefined where nothing is
 */
export function troubleWith(
  sample: string,
  service: FirstService,
  key: string,
): string | undefined {
  const { problems } = validate(parseToml(firstConfig(sample, service), "lb.toml"));
  const found = problems.find(({ severity, path }) => severity === "error" && path[2] === key);
  return found && [found.message, ...found.hint ? [found.hint] : []].join("; ");
}

/** The example as it is once it is taken, without what is said of taking it. */
function offered(example: string): string[] {
  const lines = example.split("\n");
  const begin = lines.findIndex((line) => line.startsWith("#["));
  // A remark that goes on in the next line stays below its beginning.
  return lines.slice(begin).map((line) => line.replace(/^#(?! )/, "").replace(/^# {2}/, "# "));
}

function serviceLines(lines: readonly string[], service: FirstService): string[] {
  const tables = lines.findIndex((line) => line.startsWith("#["));
  const own = filled(lines.slice(0, tables), serviceValues(service));
  return [...own, ...lines.slice(tables)];
}

/** @param isTold with all that can be said of a backend: that is said once */
function backendLines(
  lines: readonly string[],
  backend: FirstBackend,
  isTold: boolean,
): string[] {
  const all = filled(lines, backendValues(backend));
  if (isTold) return all;
  return all.filter((line) => !line.startsWith("#")).map((line) => line.replace(/\s+# .*$/, ""));
}

function filled(lines: readonly string[], values: Values): string[] {
  return lines.map((line) => {
    const [, key = "", remark] = SETTING.exec(line) ?? [];
    const value = values[key];
    if (value === undefined) return line;
    const setting = `${key} = ${value}`;
    if (remark === undefined) return setting;
    return `${setting.padEnd(REMARK_COLUMN - 1)} # ${remark.replace(/^example: /, "")}`;
  });
}

function serviceValues(service: FirstService): Values {
  const { name, protocol, vip, ports, vip_on, engine, scheduler, masquerade } = service;
  const isAll = ports.length === 1 && ports[0] === "all";
  return {
    name: quoted(name),
    protocol: quoted(protocol),
    vip: `[${vip.map(quoted).join(", ")}]`,
    ports: isAll ? quoted("all") : `[${ports.map(portText).join(", ")}]`,
    scheduler: quoted(scheduler),
    ...vip_on !== "auto" && { vip_on: quoted(vip_on) },
    ...engine !== "auto" && { engine: quoted(engine) },
    ...masquerade && { masquerade: "true" },
  };
}

function backendValues({ address, port, weight }: FirstBackend): Values {
  return {
    address: quoted(address.text),
    ...port !== undefined && { port: `${port}` },
    ...weight !== undefined && { weight: `${weight}` },
  };
}

/** `80`, or `"8000-8010"`. Of other digits, such as `080`, TOML makes no number. */
function portText(text: string): string {
  return /^(0|[1-9]\d{0,9})$/.test(text) ? text : quoted(text);
}

/** A basic string of TOML: JSON escapes all that has to be, but for one character. */
function quoted(text: string): string {
  return JSON.stringify(text).replaceAll("\x7f", "\\u007f");
}
