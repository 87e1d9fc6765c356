/** Equipment of the tests of `lb apply --confirm`. */
import assert from "node:assert/strict";
import { inside } from "../../lib/demo/namespace.ts";
import { FAMILIES } from "../../lib/model/address.ts";
import { door, serviceText } from "./config.ts";
import type { Lab } from "./harness.ts";
import { PATIENCE } from "./patience.ts";
import { allAnswered, type Applied, send } from "./steps.ts";

export const DOORS = FAMILIES.map((family) => door(family));
export const POLL_MS = 100;
export const LIMIT_MS = 15_000 * PATIENCE;

export interface Status {
  readonly revision: number | null;
  readonly trial: { readonly back_to: number | null; readonly until: string } | null;
  readonly config_edited: boolean;
}

export interface Tried extends Applied {
  readonly confirmed?: boolean | null;
  readonly blocked: readonly string[];
  readonly unwell?: readonly string[];
}

export interface History {
  readonly revisions: readonly { readonly revision: number; readonly outcome: string }[];
}

/** lb, which goes on while the test does other things. */
export function begin(
  { balancer, topology }: Lab,
  ...words: [string, ...string[]]
): Deno.ChildProcess {
  return spawn(topology.balancer, balancer.argv(...words));
}

/** Any program there. */
export function spawn(namespace: string, argv: readonly string[]): Deno.ChildProcess {
  const [program, ...args] = inside(namespace, argv);
  return new Deno.Command(program!, { args, stdout: "piped", stderr: "piped" }).spawn();
}

/** Everything goes to b2, on trial. */
export function tryOther(lab: Lab, time: string): Deno.ChildProcess {
  lab.balancer.writeConfig(serviceText({ weights: [undefined, 1] }));
  return begin(lab, "apply", "--confirm", time, "--json");
}

export async function ended(child: Deno.ChildProcess): Promise<{ code: number; tried: Tried }> {
  const { code, stdout, stderr } = await child.output();
  const [out, err] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  assert.match(out!, /^\{/, err);
  return { code, tried: JSON.parse(out!) as Tried };
}

export async function status({ balancer }: Lab): Promise<Status> {
  const { stdout } = await balancer.lb("status", "--json");
  return JSON.parse(stdout) as Status;
}

/** Waits until something is on trial. */
export async function onTrial(lab: Lab): Promise<NonNullable<Status["trial"]>> {
  const end_ms = performance.now() + LIMIT_MS;
  for (;;) {
    const { trial } = await status(lab);
    if (trial) return trial;
    assert.ok(performance.now() < end_ms, "nothing is on trial");
    await sleep(POLL_MS);
  }
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

export async function outcomes({ balancer }: Lab): Promise<string[]> {
  const { revisions } = await balancer.json<History>(0, "history");
  return revisions.map(({ outcome }) => outcome);
}

export async function isServedBy(lab: Lab, perBackend: Record<string, number>): Promise<void> {
  const result = await send(lab, { doors: DOORS, count: 20 });
  allAnswered(result);
  assert.deepEqual(result.per_backend, perBackend);
}

export const BOTH = { b1: 10, b2: 10 };
export const OTHER = { b2: 20 };

/** Waits until nothing is on trial any more. */
export async function offTrial(lab: Lab): Promise<void> {
  const end_ms = performance.now() + LIMIT_MS;
  while ((await status(lab)).trial) {
    assert.ok(performance.now() < end_ms, "it is on trial still");
    await sleep(POLL_MS);
  }
}

/**
 * Test equipment: an nft that refuses what is written, in the words of a kernel that has no memory left, or comes to
 * no end with it, for as long as it is told to.
 */
export class MoodyNft {
  readonly #folder: string;

  constructor({ topology }: Lab) {
    this.#folder = `${topology.folder}/moody`;
    Deno.mkdirSync(this.#folder, { recursive: true });
    const script = `#!/bin/sh
      case "$* $(cat ${this.#folder}/mood)" in
        *-f*refuses) echo "Error: Could not process rule: Cannot allocate memory" >&2; exit 1 ;;
        *-f*hangs) touch ${this.#folder}/hung; exec sleep 60 ;;
      esac
      PATH=\${PATH#*:} exec nft "$@"\n`;
    Deno.writeTextFileSync(`${this.#folder}/nft`, script, { mode: 0o755 });
    this.is("well");
  }

  is(mood: "well" | "refuses" | "hangs"): void {
    Deno.writeTextFileSync(`${this.#folder}/mood`, mood);
  }

  /** Waits until it hangs. */
  async hangs(): Promise<void> {
    const end_ms = performance.now() + LIMIT_MS;
    for (;;) {
      try {
        return Deno.removeSync(`${this.#folder}/hung`);
      } catch {
        assert.ok(performance.now() < end_ms, "nft was not called");
        await sleep(POLL_MS);
      }
    }
  }

  /** An argument list of lb's, which finds this nft. */
  argv(argv: readonly string[]): string[] {
    return ["env", `PATH=${this.#folder}:${Deno.env.get("PATH")}`, ...argv];
  }
}
