/** Test equipment: tables of wrong configs and what must be said of them. */
import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { parseConfig } from "../../../lib/config/load.ts";
import { ConfigError } from "../../../lib/config/diagnostic.ts";

/** A wrong config and everything that must be said of it: `LINE:COL message | hint`. */
export interface Case {
  readonly is: string;
  readonly text: string;
  readonly says: readonly string[];
}

export const SERVICE = `[[service]]
name = "web"
vip = "203.0.113.10"
ports = [80]
`;

export const BACKEND = `[[service.backend]]
address = "198.51.100.1"
`;

/** A sound service with more keys, from line 5 on. */
export function service(keys: string): string {
  return `${SERVICE}${keys}\n${BACKEND}`;
}

/** A sound service whose backend has more keys, from line 7 on. */
export function backend(keys: string): string {
  return `${SERVICE}${BACKEND}${keys}\n`;
}

async function diagnosticsOf(text: string) {
  try {
    await parseConfig(text, "lb.toml");
  } catch (error) {
    if (error instanceof ConfigError) return error.diagnostics;
    throw error;
  }
  return [];
}

/** One test for each case, and one for its like on Windows. */
export function refuses(cases: readonly Case[]): void {
  for (const { is, text, says } of cases) {
    Deno.test(`refused with its place: ${is}`, async () => {
      const diagnostics = await diagnosticsOf(text);
      const said = diagnostics.map(({ line, column, message, hint }) =>
        `${line}:${column} ${message}${hint === undefined ? "" : ` | ${hint}`}`
      );
      deepStrictEqual(said, says);
      for (const { source_line, line } of diagnostics) {
        strictEqual(source_line, text.split("\n")[line - 1]);
      }
    });

    Deno.test(`the same places with CRLF and a byte order mark: ${is}`, async () => {
      const places = (await diagnosticsOf(text)).map(({ line, column }) => [line, column]);
      const windows = await diagnosticsOf(`\ufeff${text.replaceAll("\n", "\r\n")}`);
      deepStrictEqual(windows.map(({ line, column }) => [line, column]), places);
    });
  }
}
