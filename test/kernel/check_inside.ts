/**
 * Runs inside a namespace: checks the backends of a list (JSON, on the command line) as lb does, and prints
 * the results as JSON.
 */
import { context } from "../../cmd/context.ts";
import { HEALTH_DEFAULTS } from "../../lib/model/health.ts";
import { type CheckTarget, runChecks } from "../../lib/health/check/check.ts";
import { parseAddress } from "../../lib/model/address.ts";
import type { Health } from "../../lib/model/service.ts";

/** A backend to check; what is not said of its check is lb's default. */
export interface Input {
  readonly address: string;
  readonly port?: number;
  readonly health: Partial<Health>;
  /** It is asked for its load instead. */
  readonly load?: CheckTarget["load"];
}

if (import.meta.main) {
  const [inputs, config]: [readonly Input[], string?] = JSON.parse(Deno.args[0] ?? "[]");
  const targets = inputs.map(({ address, port, health, load }) => ({
    service: "web",
    address: parseAddress(address)!,
    port,
    health: { ...HEALTH_DEFAULTS, ...health },
    load,
  }));
  const results = await runChecks(targets, await context.checkPorts(), { config });
  // What a check leaves open would keep this process alive.
  console.log(JSON.stringify(results));
}
