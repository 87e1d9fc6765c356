/**
 * The delay of a second that IPVS is known for (kubernetes #70747, #90854): clients that use their ports again.
 */
import assert from "node:assert/strict";
import { CLIENT } from "../../lib/demo/layout.ts";
import type { Child } from "../../lib/sys/ports.ts";
import { door } from "./config.ts";
import { type Change, PORT, portFor, type Setup } from "./delay_setups.ts";
import type { Lab } from "./harness.ts";
import { PATIENCE } from "./patience.ts";
import { tcpAtBackends, type TcpCounts, totalOf } from "./tcp_witness.ts";

const INSIDE = new URL("./silent_inside.ts", import.meta.url).pathname;

/** How long all may take to become what it is said to be. */
const SETTLE_MS = 10_000 * PATIENCE;

/** What becomes of connections, and of the first backend before their ports are used again. */
export interface Scenario {
  readonly what: string;
  readonly how: "close" | "forget" | "reset";
  readonly then?: Change;
}

/** As issue 4 names them. */
export const SCENARIOS: readonly Scenario[] = [
  { what: "a: servers close first", how: "close" },
  { what: "b: a reset that no end believes, then silence", how: "reset" },
  { what: "c: silence, and the old backend gets weight 0", how: "forget", then: "weight 0" },
  { what: "c: a reset, silence, and weight 0", how: "reset", then: "weight 0" },
  { what: "d: silence, and the old backend is deleted", how: "forget", then: "deleted" },
  { what: "d: a reset, silence, and it is deleted", how: "reset", then: "deleted" },
];

/** What came of it. */
export interface Outcome {
  /** How long each connection took, those of the first round left out. */
  readonly times_ms: readonly number[];
  /** How long all of these took together, with their ends. */
  readonly elapsed_ms: number;
  /** New connections that came to the first backend after its weight was taken, or it was. */
  readonly dead: number;
}

/** How many ports are used how often, beside the first time. */
export interface Size {
  readonly ports: number;
  readonly rounds: number;
}

/** Runs scenarios, with one change between their first connections and the others. @returns what came of each */
export type Run = (
  setup: Setup,
  scenarios: readonly Scenario[],
  size: Size,
) => Promise<readonly Outcome[]>;

/** Runs scenarios beside servers on each backend. */
export async function withServers<T>(lab: Lab, act: (run: Run) => Promise<T>): Promise<T> {
  const servers = lab.topology.backends.map((one) => inside(lab, one, "server", `${PORT}`));
  let isUp: Setup | undefined;
  try {
    for (const server of servers) assert.equal(await said(server), "ready");
    return await act(async (setup, scenarios, size) => {
      if (isUp !== setup) await setup.up(lab);
      isUp = scenarios.some(({ then }) => then) ? undefined : setup;
      return await play(lab, setup, scenarios, size);
    });
  } finally {
    for (const server of servers) server.kill();
    await Promise.all(servers.map(({ ended }) => ended));
  }
}

async function play(
  lab: Lab,
  setup: Setup,
  scenarios: readonly Scenario[],
  size: Size,
): Promise<Outcome[]> {
  const clients: Child[] = [];
  for (const scenario of scenarios) clients.push(await firstRound(lab, scenario, size));
  if (scenarios.some(({ then }) => then)) await setup.change(lab);
  const outcomes: Outcome[] = [];
  for (const [index, scenario] of scenarios.entries()) {
    outcomes.push(await otherRounds(lab, clients[index]!, scenario, size));
  }
  return outcomes;
}

/** Each scenario has ports of its own: IPVS has no connections of theirs yet. */
let nextPort = 20_000;

/** @returns the client, who waits for a word to go on */
async function firstRound(
  lab: Lab,
  { how, then }: Scenario,
  { ports, rounds }: Size,
): Promise<Child> {
  const before = await tcpAtBackends(lab);
  const vip = door(4, 10, portFor(how === "close", then));
  const numbers = [vip.port, nextPort, ports, rounds].map(String);
  nextPort += ports;
  const client = inside(
    ...[lab, lab.topology.client, "client"] as const,
    ...[vip.address, CLIENT[4], how, ...numbers],
  );
  assert.equal(await said(client), "ended");
  const after = await settled(lab, before, ports);
  assert.ok(newAtFirst(before, after) > 0, "some were at the first backend");
  return client;
}

async function otherRounds(
  lab: Lab,
  client: Child,
  { then }: Scenario,
  { ports, rounds }: Size,
): Promise<Outcome> {
  const before = await tcpAtBackends(lab);
  const begun_ms = performance.now();
  await client.closeInput();
  const times_ms: number[] = JSON.parse(await said(client));
  const elapsed_ms = performance.now() - begun_ms;
  const after = await settled(lab, before, ports * rounds);
  return {
    times_ms,
    elapsed_ms,
    dead: then ? newAtFirst(before, after) : 0,
  };
}

function inside(lab: Lab, namespace: string, ...args: string[]): Child {
  const deno = [Deno.execPath(), "run", "-A", "--no-check", "--quiet", INSIDE];
  return lab.traffic.program(namespace, [...deno, ...args]);
}

/** The next line of a program that is to have one. */
async function said({ lines, ended }: Child): Promise<string> {
  const { value, done } = await lines.next();
  return done ? assert.fail((await ended).stderr) : value;
}

function newAtFirst([before]: readonly TcpCounts[], [after]: readonly TcpCounts[]): number {
  return after!.opened - before!.opened;
}

/** Waits until so many connections have come to the backends since, and have ended there. */
async function settled(
  lab: Lab,
  since: readonly TcpCounts[],
  count: number,
): Promise<TcpCounts[]> {
  const until = performance.now() + SETTLE_MS;
  for (;;) {
    const seen = await tcpAtBackends(lab);
    const opened = totalOf(seen, "opened") - totalOf(since, "opened");
    const established = totalOf(seen, "established");
    if (opened >= count && established === 0 || performance.now() > until) {
      const wanted = { opened: count, established: 0 };
      assert.deepEqual({ opened, established }, wanted, "every connection came to a backend, once");
      return seen;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
