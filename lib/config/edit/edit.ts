import { type Address, formatEndpoint, parseAddress } from "../../model/address.ts";
import { LbError } from "../../model/error.ts";
import {
  applySplices,
  backendArray,
  backendTables,
  type Block,
  serviceBlock,
  type Splice,
} from "./block.ts";
import { addInline, removeInline, setInline } from "./inline.ts";
import { addTable, type Assignment, removeTables, setInTable } from "./table.ts";
import { isTable, parseToml, type Table, withoutBom } from "../parse.ts";
import { didYouMean } from "../suggest.ts";

/** Names one backend. Without a port, the only one with this address. */
interface Place {
  readonly service: string;
  readonly address: Address;
  readonly port?: number;
}

/** One change of the backends in a config file. */
export type Edit =
  | Place & { readonly kind: "add"; readonly weight?: number }
  | Place & { readonly kind: "weight"; readonly weight: number }
  | Place & { readonly kind: "remove" };

/**
 * Edits a config, all edits or none, and keeps everything else in it byte for byte: comments, layout,
 * line endings.
 *
 * @param file its name, for messages only
 * @returns the new text. It was parsed again and says what was intended, nothing more and nothing less
 * @throws {LbError} `usage` where there is no such service, or not exactly one such backend
 * @throws {LbError} `config-invalid` where the text is not TOML, or is written in a way that cannot be
 * edited safely
 */
export async function editConfig(
  text: string,
  edits: readonly Edit[],
  file = "lb.toml",
): Promise<string> {
  const source = withoutBom(text);
  let edited = source;
  let wanted = parseToml(source, file);
  for (const edit of edits) {
    const service = findService(wanted, edit.service);
    const backend = edit.kind === "add" ? undefined : findBackend(wanted, service, edit);
    if (edit.kind === "add") refuseTwin(wanted, service, edit);
    const block = await serviceBlock(edited, service);
    edited = applySplices(edited, block ? splicesFor(block, edit, backend) : []);
    wanted = withService(wanted, service, (backends) => intended(backends, edit, backend));
  }
  if (!isEqual(parseAgain(edited), wanted)) throw unsafe(file);
  return text.slice(0, text.length - source.length) + edited;
}

function splicesFor(block: Block, edit: Edit, index: number | undefined): Splice[] {
  const array = backendArray(block);
  if (array) return inlineSplices(block, array, edit, index);
  const tables = backendTables(block);
  if (edit.kind === "add") return addTable(block, tables.at(-1), assignmentsOf(edit));
  const backend = tables[index ?? -1];
  if (!backend) return [];
  return edit.kind === "remove"
    ? removeTables(block, backend)
    : setInTable(block, backend, ["weight", `${edit.weight}`]);
}

function inlineSplices(
  block: Block,
  array: NonNullable<ReturnType<typeof backendArray>>,
  edit: Edit,
  index = -1,
): Splice[] {
  if (edit.kind === "add") return addInline(block, array, assignmentsOf(edit));
  if (edit.kind === "remove") return removeInline(block, array, index);
  const element = array.elements[index];
  if (element?.type !== "TOMLInlineTable") return [];
  return setInline(block, element, ["weight", `${edit.weight}`]);
}

function assignmentsOf({ address, port, weight }: Extract<Edit, { kind: "add" }>): Assignment[] {
  const numbers: [string, number | undefined][] = [["port", port], ["weight", weight]];
  return [
    ["address", `"${address.text}"`],
    ...numbers.filter(([, value]) => value !== undefined)
      .map(([key, value]): Assignment => [key, `${value}`]),
  ];
}

/** The list of backends as it must read afterwards. */
function intended(backends: readonly unknown[], edit: Edit, index = -1): unknown[] {
  const weight = "weight" in edit && edit.weight !== undefined
    ? { weight: BigInt(edit.weight) }
    : {};
  if (edit.kind === "remove") return backends.toSpliced(index, 1);
  if (edit.kind === "weight") {
    return backends.map((one, place) =>
      place === index && isTable(one) ? { ...one, ...weight } : one
    );
  }
  const port = edit.port === undefined ? {} : { port: BigInt(edit.port) };
  return [...backends, { address: edit.address.text, ...port, ...weight }];
}

function servicesOf(document: Table): unknown[] {
  return Array.isArray(document.service) ? document.service : [];
}

function backendsOf(document: Table, service: number): unknown[] {
  const table = servicesOf(document)[service];
  return isTable(table) && Array.isArray(table.backend) ? table.backend : [];
}

function withService(
  document: Table,
  index: number,
  change: (backends: readonly unknown[]) => unknown[],
): Table {
  const service = servicesOf(document).map((one, place) =>
    place === index && isTable(one) ? { ...one, backend: change(backendsOf(document, index)) } : one
  );
  return { ...document, service };
}

function findService(document: Table, name: string): number {
  const names = servicesOf(document).map((one) => isTable(one) ? String(one.name) : "");
  const index = names.indexOf(name);
  if (index >= 0) return index;
  const hint = didYouMean(name, names) ?? `services: ${names.join(", ") || "none"}`;
  throw new LbError("usage", `there is no service \`${name}\`; ${hint}`);
}

interface Candidate {
  readonly index: number;
  readonly address: Address;
  readonly port?: number;
}

function candidatesIn(document: Table, service: number): Candidate[] {
  return backendsOf(document, service).flatMap((backend, index): Candidate[] => {
    const text = isTable(backend) ? backend.address : undefined;
    const address = typeof text === "string" ? parseAddress(text) : undefined;
    if (!address || !isTable(backend)) return [];
    const { port } = backend;
    return [{ index, address, port: typeof port === "bigint" ? Number(port) : undefined }];
  });
}

function findBackend(document: Table, service: number, wanted: Place): number {
  const all = candidatesIn(document, service);
  const fits = all.filter(({ address, port }) =>
    address.text === wanted.address.text && (wanted.port === undefined || port === wanted.port)
  );
  const [only, ...others] = fits;
  if (only && others.length === 0) return only.index;
  const name = formatEndpoint(wanted.address, wanted.port);
  const found = only ? `fits several backends of \`${wanted.service}\`` : "is none of its backends";
  const list = (only ? fits : all).map(({ address, port }) => formatEndpoint(address, port));
  const where = only ? "" : `service \`${wanted.service}\`: `;
  throw new LbError("usage", `${where}${name} ${found}: ${list.join(", ") || "there are none"}`);
}

function refuseTwin(
  document: Table,
  service: number,
  { address, port, service: name }: Place,
): void {
  const twin = candidatesIn(document, service)
    .some((one) => one.address.text === address.text && one.port === port);
  if (!twin) return;
  const backend = formatEndpoint(address, port);
  throw new LbError("usage", `service \`${name}\` has the backend ${backend} already`);
}

function unsafe(file: string): LbError {
  const message = `${file} is written in a way that lb cannot edit safely; nothing was written`;
  return new LbError(
    "config-invalid",
    `${message}. Please make this change by hand, then: lb apply`,
  );
}

function parseAgain(text: string): Table | undefined {
  try {
    return parseToml(text, "");
  } catch {
    return undefined;
  }
}

/** Whether two documents say the same. No backends and an empty list of them are the same. */
function isEqual(a: unknown, b: unknown): boolean {
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((item, index) => isEqual(item, b[index]));
  }
  if (a instanceof Date && b instanceof Date) return a.toISOString() === b.toISOString();
  if (!isTable(a) || !isTable(b)) return Object.is(a, b);
  const keys = new Set([...Object.keys(a), ...Object.keys(b)]);
  return [...keys].every((key) => isEqual(a[key] ?? absent(key), b[key] ?? absent(key)));
}

function absent(key: string): unknown {
  return key === "backend" ? NO_BACKENDS : undefined;
}

const NO_BACKENDS: readonly unknown[] = [];
