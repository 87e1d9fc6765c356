/** Runs in a guest whose kernel has IPVS: its argument is a number of connections, its last line a DelayResult. */
import { SLOW_MS } from "../../../lib/demo/role/spec.ts";
import {
  type Outcome,
  type Run,
  type Scenario,
  SCENARIOS,
  type Size,
  withServers,
} from "../../kernel/delay_rig.ts";
import { byHand, byLb, RULES, type Setup } from "../../kernel/delay_setups.ts";
import { buildLab, forget, type Lab } from "../../kernel/harness.ts";
import { tcpAtBackends, totalOf } from "../../kernel/tcp_witness.ts";
import { abbaRounds } from "../order.ts";
import type { DelayResult, DelayRow, RateRow } from "./delay_result.ts";

const FEW_PORTS = 20;
const MANY_PORTS = 1_000;

/** Each of them takes a second, where it is slow, and after 10 s IPVS has forgotten a connection that was reset. */
const BY_HAND = { ports: 8, rounds: 1 };

const ROUNDS = 4;
const RATE_SIZE: Size = { ports: FEW_PORTS, rounds: 25 };

const HAND = [
  byHand("kube-proxy's settings", RULES.counting),
  byHand("kube-proxy's settings, masquerade", RULES.masquerading),
];

const LB = [
  byLb("lb", { before: RULES.counting }),
  byLb("lb beside rules that look at states", { before: RULES.deciding }),
  byLb("lb, masquerade", { before: RULES.counting, more: "masquerade = true" }),
];

/** The three remedies of lvs-users, 2018-05-23, beside what they remedy. */
const REMEDIES = [
  byHand("kube-proxy's settings", RULES.counting),
  byHand("conn_reuse_mode=0", RULES.counting, ["conntrack=1", "conn_reuse_mode=0"]),
  byHand("conntrack=0", RULES.counting, ["conntrack=0", "conn_reuse_mode=1"]),
  byHand("conntrack=0 and NOTRACK", RULES.untracking, ["conntrack=0", "conn_reuse_mode=1"]),
];

async function main([count = "2000"]: readonly string[]): Promise<void> {
  const lab = await buildLab({ backends: 2, need: "ipvs" });
  try {
    const rows = [...await allRows(lab, HAND, 0), ...await allRows(lab, LB, Number(count))];
    const rates = await allRates(lab);
    const backends = await tcpAtBackends(lab);
    const [overflows, drops] = [totalOf(backends, "overflows"), totalOf(backends, "drops")];
    const result: DelayResult = { kernel: Deno.osRelease(), rows, rates, overflows, drops };
    console.log(JSON.stringify(result));
  } finally {
    await lab.traffic.close();
    await lab.topology.close();
  }
}

/** @param count of connections; 0 are as few as show something */
async function allRows(lab: Lab, setups: readonly Setup[], count: number): Promise<DelayRow[]> {
  const rows: DelayRow[] = [];
  for (const setup of setups) {
    await forget(lab);
    await withServers(lab, async (run) => {
      for (const scenario of SCENARIOS) rows.push(await rowOf(run, setup, scenario, count));
    });
  }
  return rows;
}

async function rowOf(
  run: Run,
  setup: Setup,
  scenario: Scenario,
  count: number,
): Promise<DelayRow> {
  const outcomes: Outcome[] = [];
  for (const size of sizes(scenario, count)) outcomes.push(...await run(setup, [scenario], size));
  const times = outcomes.flatMap(({ times_ms }) => times_ms);
  const row = {
    ...{ scenario: scenario.what, setup: setup.name, connections: times.length },
    slow: times.filter((time) => time > SLOW_MS).length,
    dead: outcomes.reduce((sum, { dead }) => sum + dead, 0),
    longest_ms: Math.max(...times),
  };
  console.error(JSON.stringify(row));
  return row;
}

/** What happens to a backend happens once to each port. */
function sizes({ then }: Scenario, count: number): Size[] {
  if (count === 0) return [BY_HAND];
  if (!then) return [{ ports: FEW_PORTS, rounds: Math.ceil(count / FEW_PORTS) }];
  const turns = Math.ceil(count / MANY_PORTS);
  return Array.from({ length: turns }, () => ({ ports: count / turns, rounds: 1 }));
}

async function allRates(lab: Lab): Promise<RateRow[]> {
  const rates = new Map(REMEDIES.map((setup) => [setup, [] as number[]]));
  for (const order of abbaRounds(REMEDIES, ROUNDS)) {
    for (const setup of order) {
      await forget(lab);
      await withServers(lab, async (run) => {
        const [outcome] = await run(setup, SCENARIOS.slice(0, 1), RATE_SIZE);
        const { times_ms, elapsed_ms } = outcome!;
        rates.get(setup)!.push(times_ms.length / elapsed_ms * 1_000);
      });
    }
  }
  return Array.from(rates, ([{ name: setup }, per_second]) => ({ setup, per_second }));
}

await main(Deno.args);
