/** Equipment of the tests of `lb why`. */
import assert from "node:assert/strict";
import { vipAddress } from "../../lib/demo/layout.ts";
import { sourceOf } from "../../lib/demo/role/requests.ts";
import type { Sources } from "../../lib/demo/role/spec.ts";
import { type Family, formatEndpoint } from "../../lib/model/address.ts";
import type { Lab } from "./harness.ts";
import { PATIENCE } from "./patience.ts";

/** What of `lb why --json` tests look at. */
export interface Flow {
  readonly client_port: number | null;
  readonly service: string | null;
  readonly engine: string | null;
  readonly answer: string;
  readonly backend: { readonly address: string; readonly port: number } | null;
  readonly shares: readonly { readonly address: string; readonly share: number }[];
  readonly reason: string | null;
  readonly certain: boolean;
  readonly connection: { readonly known_by: string; readonly state: string } | null;
  readonly steps: readonly { readonly step: string; readonly message: string }[];
}

/** Asks about flows, one a line: one process for all. */
export async function why(
  { balancer }: Lab,
  lines: readonly string[],
  code = 0,
): Promise<readonly Flow[]> {
  const argv = balancer.argv("why", "--json", "-");
  const stdin = lines.join("\n");
  const result = await balancer.run(argv, { stdin, timeout_ms: 60_000 * PATIENCE });
  assert.equal(result.code, code, result.stderr || result.stdout);
  return (JSON.parse(result.stdout) as { flows: Flow[] }).flows;
}

/** A line for each client, as it asks for the usual VIP. */
export function linesOf(sources: Sources, family: Family, count: number): string[] {
  const to = formatEndpoint({ family, text: vipAddress(family, 10) }, 80);
  return Array.from({ length: count }, (_, index) => {
    const { address, port } = sourceOf(sources, index);
    return `tcp ${formatEndpoint({ family, text: address! }, port)} -> ${to}`;
  });
}
