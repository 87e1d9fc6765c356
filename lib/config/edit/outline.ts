import { formatEndpoint, parseAddress } from "../../model/address.ts";
import { isTable, parseToml, withoutBom } from "../parse.ts";
import { scanHeaders, serviceSlices } from "../scan.ts";

/** A backend as `lb scale` names it. */
export interface BackendOutline {
  readonly endpoint: string;
  /** undefined where the file says nothing of it. */
  readonly weight?: number;
}

/**
 * Names of the services that are written as `[[service]]`, in the order of the file. It need not be
 * valid: somebody may be in the middle of editing it.
 */
export function serviceNames(text: string): string[] {
  return [...new Set(blocksOf(withoutBom(text)).flatMap(({ name }) => name ?? []))];
}

/** Backends of one service; none where its part of the file is not TOML. */
export function serviceBackends(text: string, service: string): BackendOutline[] {
  const block = blocksOf(withoutBom(text)).find(({ name }) => name === service);
  const document = block && parseToml(block.text, "");
  const tables = Array.isArray(document?.service) ? document.service : [];
  const backends: unknown = isTable(tables[0]) ? tables[0].backend : undefined;
  return Array.isArray(backends) ? backends.flatMap(outlineOf) : [];
}

function outlineOf(backend: unknown): BackendOutline[] {
  if (!isTable(backend) || typeof backend.address !== "string") return [];
  const address = parseAddress(backend.address);
  const number = (value: unknown) => typeof value === "bigint" ? Number(value) : undefined;
  if (!address) return [];
  const endpoint = formatEndpoint(address, number(backend.port));
  return [{ endpoint, weight: number(backend.weight) }];
}

/** A name has no character that would have to be escaped (schema.ts), so that a pattern finds it. */
const NAME = /^[ \t]*name[ \t]*=[ \t]*["']([a-z0-9-]{1,32})["']/m;
const SUBTABLE = /^[ \t]*\[(?!\[service\])/m;

function blocksOf(text: string): { readonly text: string; readonly name?: string }[] {
  return serviceSlices(text, scanHeaders(text)).map(({ start, end }) => {
    const block = text.slice(start, end);
    const [own = ""] = block.split(SUBTABLE, 1);
    return { text: block, name: NAME.exec(own)?.[1] };
  });
}
