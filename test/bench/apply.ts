import { type Cost, measureCommand } from "./command.ts";
import { LB } from "./lb.ts";
import { abbaRounds } from "./order.ts";
import type { Progress } from "./progress.ts";
import { configText, firstBackend, serviceName } from "./services.ts";
import type { Solo } from "./solo.ts";

/** One thing an operator does, in the order of a round. */
interface Step {
  readonly name: string;
  /** What the file holds before the command. */
  readonly config?: (services: number) => string;
  readonly words: (services: number) => readonly string[];
  /** Whether it changes the kernel, so that there is a transaction to give to nft alone. */
  readonly changes: boolean;
}

const EDITED = { service: 1, value: 50 };

const STEPS: readonly Step[] = [
  {
    name: "first apply",
    config: (services) => configText(services),
    words: () => ["apply"],
    changes: true,
  },
  { name: "no change", words: () => ["apply"], changes: false },
  {
    name: "one backend changed (lb scale)",
    words: () => ["scale", serviceName(0), "--weight", `${firstBackend(0)}=50`],
    changes: true,
  },
  {
    name: "one backend changed (file)",
    config: (services) => configText(services, { weight: EDITED }),
    words: () => ["apply"],
    changes: true,
  },
  {
    name: "one service added",
    config: (services) => configText(services, { weight: EDITED, more: 1 }),
    words: () => ["apply"],
    changes: true,
  },
];

export const FIRST_APPLY = STEPS[0]!.name;
export const NO_CHANGE = STEPS[1]!.name;
export const SCALED = STEPS[2]!.name;
export const EDITED_FILE = STEPS[3]!.name;

/** The same step by lb and by `nft -f` of the same transaction alone, as often as there were rounds. */
export interface StepResult {
  readonly name: string;
  readonly lb: readonly Cost[];
  /** Empty where nothing is given to nft. */
  readonly nft: readonly Cost[];
}

export interface ApplyResult {
  readonly services: number;
  readonly config_bytes: number;
  /** Of the first transaction. */
  readonly script_bytes: number;
  readonly steps: readonly StepResult[];
}

/** More rounds of one size are not begun after this time: what was measured by then is the result. */
const BUDGET_MS = 480_000;

/** A rough guess of what a round takes on one core, for the time left. */
export function plannedSeconds(services: number, pairs: number): number {
  return Math.min((pairs + 1) * (4 + services * 0.008), BUDGET_MS / 1000);
}

/**
 * Every step of one size, by lb and by nft in turn.
 *
 * @throws {Error} where a step fails, or the first round alone takes more than the time there is
 */
export async function measureApply(
  solo: Solo,
  services: number,
  pairs: number,
  progress: Progress,
): Promise<ApplyResult> {
  const until_ms = performance.now() + BUDGET_MS;
  const planned_s = plannedSeconds(services, pairs) / (pairs + 1);
  const tell = (what: string) => progress.step(planned_s, `apply of ${services} services, ${what}`);
  const scripts: string[] = [];
  // The first round only warms up, and gives the transactions that nft is to run later.
  const warmUp = await roundByLb(solo, services, scripts);
  tell("warmed up");
  if (performance.now() > until_ms) throw new Error(`one round is too slow: ${timesText(warmUp)}`);
  const lb: Cost[][] = [];
  const nft: Cost[][] = [];
  for (const [round, order] of abbaRounds(["lb", "nft"] as const, pairs).entries()) {
    if (round > 0 && performance.now() > until_ms) break;
    for (const who of order) {
      if (who === "lb") lb.push(await roundByLb(solo, services));
      else nft.push(await roundByNft(solo, scripts));
    }
    tell(`${round + 1}/${pairs}: first ${Math.round(lb.at(-1)![0]!.ms)} ms`);
  }
  await solo.forget();
  return {
    services,
    config_bytes: configText(services).length,
    script_bytes: scripts[0]!.length,
    steps: STEPS.map(({ name, changes }, index) => {
      const step = STEPS.slice(0, index).filter((one) => one.changes).length;
      return {
        name,
        lb: lb.map((costs) => costs[index]!),
        nft: changes ? nft.map((costs) => costs[step]!) : [],
      };
    }),
  };
}

function timesText(costs: readonly Cost[]): string {
  return STEPS.map(({ name }, index) => `${name} ${Math.round(costs[index]!.ms)} ms`).join(", ");
}

/** @param scripts is given the transactions */
async function roundByLb(solo: Solo, services: number, scripts?: string[]): Promise<Cost[]> {
  await solo.forget();
  const costs: Cost[] = [];
  for (const { config, words, changes } of STEPS) {
    if (config) solo.writeConfig(config(services));
    costs.push(await measureCommand(solo.lb(LB, ...words(services))));
    if (changes) scripts?.push(Deno.readTextFileSync(solo.path("run/transaction.nft")));
  }
  return costs;
}

async function roundByNft(solo: Solo, scripts: readonly string[]): Promise<Cost[]> {
  await solo.forget();
  const costs: Cost[] = [];
  for (const script of scripts) {
    Deno.writeTextFileSync(solo.path("script.nft"), script);
    costs.push(await measureCommand(solo.inside("nft", "-f", solo.path("script.nft"))));
  }
  return costs;
}
