/** What most kernel tests do. */
import assert from "node:assert/strict";
import type { RequestsResult, RequestsSpec } from "../../lib/demo/role/spec.ts";
import { type ServiceText, serviceText } from "./config.ts";
import type { Lab } from "./harness.ts";
import { PATIENCE } from "./patience.ts";

/** The parts of `lb apply --json` that tests look at. */
export interface Applied {
  readonly revision: number;
  readonly changed: boolean;
  readonly changes: readonly {
    readonly engine: string;
    readonly op: string;
    readonly object: string;
  }[];
  readonly sysctls: readonly { readonly key: string }[];
  readonly services: readonly { readonly name: string; readonly engine: string }[];
  readonly drift: readonly string[];
  readonly notes: readonly string[];
}

/** Writes `lb.toml` and applies it. */
export async function apply({ balancer }: Lab, ...services: ServiceText[]): Promise<Applied> {
  balancer.writeConfig(services.map(serviceText).join(""));
  return await balancer.json<Applied>(0, "apply");
}

/** Requests from the client's namespace. */
export function send({ traffic, topology }: Lab, spec: Omit<RequestsSpec, "role">) {
  return traffic.send(topology.client, { timeout_ms: 5_000 * PATIENCE, ...spec });
}

/** Asserts that every request has its answer, and that none had to be sent twice. */
export function allAnswered(result: RequestsResult): void {
  const { failed, errors } = result;
  // A slow one was sent twice, unless everything is slow.
  const slow = PATIENCE > 1 ? 0 : result.slow;
  assert.deepEqual({ failed, errors, slow }, { failed: 0, errors: {}, slow: 0 });
}

/** Of downloads that go on until the test lets them end, however slow the machine is: seconds, at most. */
export const LONG = 300;

/** Runs a program in the balancer's namespace, which has to succeed. @returns what it printed */
export async function must({ balancer }: Lab, ...argv: string[]): Promise<string> {
  const { code, stdout, stderr } = await balancer.run(argv);
  assert.equal(code, 0, `${argv.join(" ")}: ${stderr}`);
  return stdout;
}

/** Asserts that a VIP's port refuses a tcp client in far less than a retransmission takes. */
export async function refusesTcp(
  { traffic }: Lab,
  namespace: string,
  address: string,
  port: number,
): Promise<void> {
  const spec = {
    doors: [{ address, port }],
    count: 3,
    concurrency: 1,
    timeout_ms: 2_000 * PATIENCE,
  };
  const { errors, duration_ms } = await traffic.send(namespace, spec);
  assert.deepEqual(errors, { refused: 3 }, `tcp ${address} ${port}`);
  assert.ok(
    duration_ms < 500 * PATIENCE,
    `three refusals by tcp ${address} ${port} took ${duration_ms} ms`,
  );
}

/**
 * The same for udp, by a connected socket of bash's: Deno has none, and only a connected socket hears
 * of a refusal. `read` ends with 1 at once if refused, with over 128 at its time-out.
 */
export async function refusesUdp(
  { topology }: Lab,
  namespace: string,
  address: string,
  port: number,
): Promise<void> {
  const script = `exec 3<>/dev/udp/${address}/${port}
    printf x >&3 || { echo "refused by EPERM"; exit; }
    IFS= read -t 2 -r -n 1 -u 3 && echo answered && exit
    [ $? -gt 128 ] && echo silence || echo refused`;
  const { stdout, stderr } = await topology.run(namespace, ["bash"], { stdin: script });
  assert.match(stdout.trim(), /^refused/, `udp ${address} ${port}: ${stdout} ${stderr}`);
}
