import { type Address, formatEndpoint, parseAddress } from "../../model/address.ts";
import { LbError } from "../../model/error.ts";
import { isTable, type Table } from "../parse.ts";
import { serviceHint } from "../suggest.ts";

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
 * A document as it must read after an edit, and which backend the edit is about.
 *
 * @param service its place in the list
 * @throws {LbError} `usage` where there is not exactly one such backend, or a new one is there already
 */
export function intend(
  document: Table,
  service: number,
  edit: Edit,
): { readonly document: Table; readonly backend?: number } {
  if (edit.kind === "add") refuseTwin(document, service, edit);
  const backend = edit.kind === "add" ? undefined : findBackend(document, service, edit);
  const change = (backends: readonly unknown[]) => intended(backends, edit, backend);
  return { document: withService(document, service, change), backend };
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

/** The services of a document, whatever they hold. */
export function servicesOf(document: Table): unknown[] {
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

/** @throws {LbError} `usage` where there is none of this name */
export function findService(document: Table, name: string): number {
  const names = servicesOf(document).map((one) => isTable(one) ? String(one.name) : "");
  const index = names.indexOf(name);
  if (index >= 0) return index;
  throw new LbError("usage", `there is no service \`${name}\`; ${serviceHint(name, names)}`);
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

/** Whether two documents say the same. No backends and an empty list of them are the same. */
export function isEqual(a: unknown, b: unknown): boolean {
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((item, index) => isEqual(item, b[index]));
  }
  if (a instanceof Date && b instanceof Date) return a.toISOString() === b.toISOString();
  if (!isTable(a) || !isTable(b)) return Object.is(a, b);
  return Object.keys(a).every((key) => isEqual(a[key], b[key] ?? absent(key))) &&
    Object.keys(b).every((key) => Object.hasOwn(a, key) || isEqual(absent(key), b[key]));
}

function absent(key: string): unknown {
  return key === "backend" ? NO_BACKENDS : undefined;
}

const NO_BACKENDS: readonly unknown[] = [];
