import type { QueueBackend, QueueService, QueueTable } from "../engine/nfqueue/table.ts";
import { type Address, parseAddress, parsePrefix, type Prefix } from "../model/address.ts";
import { LbError } from "../model/error.ts";
import { type MarkLayout, markLayout } from "../model/mark.ts";
import { type PortRange, PROTOCOLS, SCHEDULERS } from "../model/service.ts";
import { workerPlaces } from "../model/worker.ts";
import type { FilesPort } from "../sys/ports.ts";

const PORT_MAX = 65535;
const QUEUES_MAX = 256;
const WEIGHT_MAX = 65535;
const COUNT_MAX = 2 ** 32 - 1;

/**
 * What to choose by, of this run folder.
 *
 * @throws {LbError} `config-invalid` where it is not there, or not to be understood
 */
export function readTable(files: Pick<FilesPort, "read">, runDir: string): QueueTable {
  const { table } = workerPlaces(runDir);
  const text = files.read(table);
  if (text !== undefined) return parseTable(text);
  throw new LbError("config-invalid", `there is no ${table}: lb apply writes it`);
}

/**
 * What to choose by, out of `queue.json`. Everything in it is looked at: threads trust it.
 *
 * @throws {LbError} `config-invalid` with what is wrong, and where
 */
export function parseTable(text: string): QueueTable {
  const { token, marks, queues, services } = objectAt(parseJson(text), "table");
  return {
    token: textAt(token, "token"),
    marks: marksAt(marks),
    queues: queuesAt(queues),
    services: listAt(services, "services", serviceAt),
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new LbError("config-invalid", "the worker's table is no JSON", { cause });
  }
}

function queuesAt(value: unknown): QueueTable["queues"] {
  const queues = objectAt(value, "queues");
  const count = wholeAt(queues.count, "queues.count", 1, QUEUES_MAX);
  return { first: wholeAt(queues.first, "queues.first", 0, PORT_MAX + 1 - count), count };
}

/** All of a layout follows from its mask. */
function marksAt(value: unknown): MarkLayout {
  const mask = wholeAt(objectAt(value, "marks").mask, "marks.mask", 0, COUNT_MAX);
  return markLayout(mask) ?? wrong("marks.mask", "one run of bits", mask);
}

function serviceAt(value: unknown, at: string): QueueService {
  const service = objectAt(value, at);
  const { ports } = service;
  return {
    name: textAt(service.name, `${at}.name`),
    vip: listAt(service.vip, `${at}.vip`, prefixAt),
    protocol: oneOf(PROTOCOLS, service.protocol, `${at}.protocol`),
    ports: ports === "all" ? ports : listAt(ports, `${at}.ports`, portsAt),
    scheduler: oneOf(SCHEDULERS, service.scheduler, `${at}.scheduler`),
    bound: numberAt(service.bound, `${at}.bound`),
    backends: listAt(service.backends, `${at}.backends`, backendAt),
  };
}

function backendAt(value: unknown, at: string): QueueBackend {
  const backend = objectAt(value, at);
  const { port } = backend;
  return {
    id: wholeAt(backend.id, `${at}.id`, 1, COUNT_MAX),
    address: addressAt(backend.address, `${at}.address`),
    port: port === undefined ? undefined : wholeAt(port, `${at}.port`, 1, PORT_MAX),
    weight: wholeAt(backend.weight, `${at}.weight`, 0, WEIGHT_MAX),
    effective_weight: numberAt(backend.effective_weight, `${at}.effective_weight`),
    max_connections: wholeAt(backend.max_connections, `${at}.max_connections`, 0, COUNT_MAX),
  };
}

function portsAt(value: unknown, at: string): PortRange {
  const range = objectAt(value, at);
  const first = wholeAt(range.first, `${at}.first`, 1, PORT_MAX);
  return { first, last: wholeAt(range.last, `${at}.last`, first, PORT_MAX) };
}

function prefixAt(value: unknown, at: string): Prefix {
  const { text, length } = objectAt(value, at);
  const spelled = `${textAt(text, at)}/${wholeAt(length, at, 0, 128)}`;
  return parsePrefix(spelled) ?? wrong(at, "a prefix", spelled);
}

function addressAt(value: unknown, at: string): Address {
  const text = textAt(objectAt(value, at).text, at);
  return parseAddress(text) ?? wrong(at, "an address", text);
}

function objectAt(value: unknown, at: string): Readonly<Record<string, unknown>> {
  const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
  return isObject ? value as Record<string, unknown> : wrong(at, "an object", value);
}

function listAt<T>(value: unknown, at: string, read: (item: unknown, at: string) => T): T[] {
  if (!Array.isArray(value)) return wrong(at, "a list", value);
  return value.map((item, index) => read(item, `${at}[${index}]`));
}

function textAt(value: unknown, at: string): string {
  return typeof value === "string" && value !== "" ? value : wrong(at, "a text", value);
}

function wholeAt(value: unknown, at: string, min: number, max: number): number {
  const fits = Number.isInteger(value) && Number(value) >= min && Number(value) <= max;
  return fits ? Number(value) : wrong(at, `a whole number from ${min} to ${max}`, value);
}

function numberAt(value: unknown, at: string): number {
  const fits = typeof value === "number" && Number.isFinite(value) && value >= 0;
  return fits ? value : wrong(at, "a number from 0", value);
}

function oneOf<const Word extends string>(words: readonly Word[], value: unknown, at: string) {
  return words.find((word) => word === value) ?? wrong(at, `one of ${words.join(", ")}`, value);
}

function wrong(at: string, wanted: string, found: unknown): never {
  const said = JSON.stringify(found)?.slice(0, 80) ?? "nothing";
  throw new LbError("config-invalid", `the worker's table: ${at} is ${said}, not ${wanted}`);
}
