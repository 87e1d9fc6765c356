import { type Cost, measureCommand } from "./command.ts";
import { builtCommand, SOURCE } from "./lb.ts";
import { abbaRounds } from "./order.ts";
import type { Progress } from "./progress.ts";
import { configText } from "./services.ts";
import { buildSolo, type Solo } from "./solo.ts";
import { whileStanding } from "./standing.ts";

/** What a look is held against. */
export const LOOKED_AT_SERVICES = 1_000;
export const LOOK_MS_MAX = 400;

/** The look that this goal is for. */
export const JSON_LOOK = "lb status --json";

const COMMANDS: readonly (readonly string[])[] = [
  ["status", "--json"],
  ["status", "--prometheus"],
  ["status"],
  ["reconcile"],
];

/** Of the namespace; see `FORMS` of startup.ts and `SERIAL` of health.ts. */
const SERIAL = 5;
const PLANNED_S = 0.6;

const FORMS = [
  { form: "source", lb: SOURCE },
  { form: "built", lb: builtCommand() },
] as const;

/** What looks at many services took. */
export interface StatusResult {
  readonly command: string;
  readonly form: "source" | "built";
  readonly costs: readonly Cost[];
}

interface Look extends Omit<StatusResult, "costs"> {
  readonly argv: readonly string[];
}

export function plannedSeconds(pairs: number): number {
  return (pairs + 1) * COMMANDS.length * FORMS.length * PLANNED_S;
}

/** How long a look at many services takes, from the start of the process to its end. */
export async function measureStatus(pairs: number, progress: Progress): Promise<StatusResult[]> {
  return await whileStanding(await buildSolo(SERIAL), async (solo) => {
    solo.writeConfig(configText(LOOKED_AT_SERVICES));
    // One state for both: they are of the same version.
    await measureCommand(solo.lb(SOURCE, "apply"));
    const looks = looksOf(solo);
    // In memory, and with a sample to tell rates by.
    for (const { argv } of looks) await measureCommand(argv);
    const costs = new Map(looks.map((look) => [look, [] as Cost[]]));
    for (const [round, order] of abbaRounds(looks, pairs).entries()) {
      for (const look of order) costs.get(look)!.push(await measureCommand(look.argv));
      progress.step(plannedSeconds(pairs) / pairs, `status ${round + 1}/${pairs}`);
    }
    return looks.map(({ command, form }, at) => ({ command, form, costs: costs.get(looks[at]!)! }));
  });
}

function looksOf(solo: Solo): Look[] {
  return FORMS.flatMap(({ form, lb }) =>
    lb === undefined ? [] : COMMANDS.map((words) => ({
      command: `lb ${words.join(" ")}`,
      form,
      argv: solo.lb(lb, ...words),
    }))
  );
}
